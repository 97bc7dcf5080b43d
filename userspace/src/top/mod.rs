//! The live view: a row per listener, both of its queues, what it refuses.
//!
//! A pure model takes in what the source and the surveyor tell and the keys that are typed; a pure
//! function draws it; the terminal around both is entered and left in one place.

mod model;
mod screen;
mod terminal;
mod tty;

pub use model::{
    Board, Client, History, Key, Look, Model, ReasonRow, Row, SortBy, Standing, Then, View,
};
pub use screen::{Glyphs, Theme, draw};
pub use terminal::{Input, Screen, keys, restore};
