//! Clocks: clock_gettime(2).

use std::time::{Instant, SystemTime};

/// CLOCK_REALTIME in nanoseconds since the Epoch; 0 before 1970 and after 2554. Through the standard library, which
/// knows after 2038 which system call 32-bit programs need.
pub fn realtime() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(0)
}

/// A time on CLOCK_MONOTONIC.
#[derive(Clone, Copy)]
pub struct Start(Instant);

impl Start {
    pub fn now() -> Start {
        Start(Instant::now())
    }

    pub fn elapsed_microseconds(self) -> u64 {
        self.0.elapsed().as_micros().try_into().unwrap_or(u64::MAX)
    }
}
