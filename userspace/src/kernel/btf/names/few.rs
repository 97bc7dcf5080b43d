//! A few numbers that are looked for among very many.

/// How many answers are kept at hand.
const ANSWERS: usize = 1 << 14;

/// A few numbers, each with something, and some more than once. That another is none of them is
/// mostly told by one look, and that is the answer to nearly all of the half million questions
/// which are asked; a hash table takes several times as long for it.
pub(super) struct Few<T> {
    sorted: Vec<(u32, T)>,
    /// Whether one of the numbers has this place.
    taken: Box<[bool; ANSWERS]>,
}

impl<T> Few<T> {
    pub(super) fn new(mut numbers: Vec<(u32, T)>) -> Self {
        numbers.sort_unstable_by_key(|(number, _)| *number);
        let mut taken = Box::new([false; ANSWERS]);
        for (number, _) in &numbers {
            taken[place(*number)] = true;
        }
        Self { sorted: numbers, taken }
    }

    /// Whether it is one of them.
    pub(super) fn has(&self, number: u32) -> bool {
        !self.of(number).is_empty()
    }

    /// What is there with this number.
    #[inline]
    pub(super) fn of(&self, number: u32) -> &[(u32, T)] {
        if self.taken[place(number)] { self.search(number) } else { &[] }
    }

    #[inline(never)]
    fn search(&self, number: u32) -> &[(u32, T)] {
        let from = self.sorted.partition_point(|(other, _)| *other < number);
        let len = self.sorted[from..].iter().take_while(|(other, _)| *other == number).count();
        &self.sorted[from..from + len]
    }
}

/// Spreads numbers that are near to one another (Fibonacci hashing).
fn place(number: u32) -> usize {
    number.wrapping_mul(0x9e37_79b1) as usize >> 18
}
