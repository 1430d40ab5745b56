//! A static library that has nothing to do with libuserns but the language.

/// Whether a panic was caught.
#[unsafe(no_mangle)]
pub extern "C" fn other_caught() -> i32 {
    std::panic::catch_unwind(|| std::hint::black_box(Vec::<i32>::new())[0]).is_err().into()
}
