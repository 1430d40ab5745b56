//! Runs the check of the target FUZZ_TARGET with the inputs of libFuzzer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use userns::fuzz::{Check, TARGETS, memory};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

static CHECK: OnceLock<Check> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET is the name of a target");
        let (_, check) = TARGETS.iter().find(|target| target.0 == name).expect("there is such a target");
        // Once for what stays allocated.
        check(b"");
        CHECK.set(*check).expect("this runs once");
    },
    |input: &[u8]| {
        let check = CHECK.get().expect("it was set");
        let before = memory::used();
        check(input);
        assert_eq!(memory::used(), before, "memory is lost");
    }
);
