//! Every TCP listener of a network namespace, with both of its queues, as they are now.
//!
//! A BPF iterator tells all of it. Without the rights for one, the kernel's socket diagnostics tell
//! the accept queues to everybody, and what they leave out is unknown and said to be.

use std::collections::HashSet;
use std::io;

use crate::decode::Listener;
use crate::kernel::Namespaces;
use crate::kernel::namespaces::VisitError;

mod iterator;
mod limits;
mod sock_diag;

pub use iterator::IteratorError;
pub use limits::{FirstDrop, SetBy, clipped, first_syn_dropped, set_by};

use iterator::TcpIterator;

/// Whose listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Those of the namespace that syndrop itself is in.
    Own,
    /// Those of the namespace with this inode number.
    One(u32),
    /// Those of every namespace that can be found.
    All,
}

/// Something that is missing from a survey.
#[derive(Debug, thiserror::Error)]
pub enum Gap {
    /// No SYN queue is known.
    #[error("SYN queues are unknown, only accept queues are shown")]
    SynQueues(#[source] Box<IteratorError>),
    /// A namespace is left out.
    #[error("the listeners of a network namespace are not shown")]
    Namespace(#[source] SurveyError),
}

/// Why the listeners of a namespace cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// It cannot be entered.
    #[error(transparent)]
    Visit(#[from] VisitError),
    /// The kernel does not tell.
    #[error("failed to ask the kernel for its listeners by netlink (the module tcp_diag)")]
    Diag(#[source] io::Error),
}

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Each listener once, in no order.
    pub listeners: Vec<Listener>,
    /// What is missing and was not missing in an earlier survey.
    pub gaps: Vec<Gap>,
}

/// Looks at listeners, as often as wanted.
pub struct Surveyor {
    iterator: Result<TcpIterator, Option<Box<IteratorError>>>,
    /// Namespaces that are known to be out of reach.
    unreachable: HashSet<u32>,
}

impl Surveyor {
    /// Gets ready, with what these rights allow.
    pub fn new() -> Self {
        let iterator = TcpIterator::load().map_err(|error| Some(Box::new(error)));
        Self { iterator, unreachable: HashSet::new() }
    }

    /// Looks once.
    ///
    /// # Errors
    /// If the one namespace that was asked for cannot be looked at.
    pub fn look(&mut self, place: Place) -> Result<Survey, SurveyError> {
        let mut survey = Survey::default();
        let namespaces = Namespaces::enumerate();
        match place {
            Place::Own => survey.listeners = self.look_around(namespaces.own())?,
            Place::One(netns) => {
                survey.listeners = namespaces.visit(netns, || self.look_around(Some(netns)))??;
            }
            Place::All => {
                for netns in namespaces.inums() {
                    let there = namespaces.visit(netns, || self.look_around(Some(netns)));
                    match there.map_err(SurveyError::from).and_then(|there| there) {
                        Ok(there) => survey.listeners.extend(there),
                        // It ended while others were looked at.
                        Err(SurveyError::Visit(VisitError::Gone(_))) => {}
                        Err(error) if self.unreachable.insert(netns) => {
                            survey.gaps.push(Gap::Namespace(error));
                        }
                        Err(_) => {}
                    }
                }
            }
        }
        if let Err(why) = &mut self.iterator {
            survey.gaps.extend(why.take().map(Gap::SynQueues));
        }
        // A socket that is hashed anew while it is iterated over can be met twice.
        let mut met = HashSet::new();
        survey.listeners.retain(|it| it.id.sock == 0 || met.insert((it.id.sock, it.id.inode)));
        Ok(survey)
    }

    /// The listeners of the namespace that the calling thread is in.
    fn look_around(&mut self, netns: Option<u32>) -> Result<Vec<Listener>, SurveyError> {
        if let Ok(iterator) = &mut self.iterator {
            match iterator.read() {
                Ok(listeners) => return Ok(listeners),
                Err(error) => self.iterator = Err(Some(Box::new(error))),
            }
        }
        sock_diag::listeners(netns).map_err(SurveyError::Diag)
    }
}

impl Default for Surveyor {
    fn default() -> Self {
        Self::new()
    }
}
