//! A shared library in Rust that depends on the crate and exports one function of its own.

/// Returns the number of user namespaces, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn consumer_count() -> i64 {
    userns::scan().map_or(-1, |snapshot| snapshot.nodes().len() as i64)
}
