//! Values from the bytes of an input.

/// The bytes that are left. Behind their end, there are zeros.
pub struct Draw<'i>(pub &'i [u8]);

impl<'i> Draw<'i> {
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn is(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    /// Less than `end`, which is at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub fn index(&mut self, count: usize) -> Option<u32> {
        let is_some = count > 0 && self.is();
        is_some.then(|| self.below(count) as u32)
    }

    pub fn option<T>(&mut self, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.is().then(|| draw(self))
    }

    /// Small, or any that is less than 2^63.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            255 => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())) >> 1,
            small => small.into(),
        }
    }

    /// Any bytes but NUL.
    pub fn string(&mut self) -> &'i [u8] {
        let length = self.below(16).min(self.0.len());
        let string = self.0[..length].split(|&byte| byte == 0).next().unwrap_or_default();
        self.0 = &self.0[string.len()..];
        string
    }
}
