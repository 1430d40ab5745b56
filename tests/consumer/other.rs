//! Another static library in Rust.

/// Returns 1 if it caught a panic.
#[unsafe(no_mangle)]
pub extern "C" fn other_caught() -> i32 {
    std::panic::catch_unwind(|| std::hint::black_box(Vec::<i32>::new())[0]).is_err().into()
}
