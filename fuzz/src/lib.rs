//! One fuzzer for each reader of `verglas-formats`.
//!
//! What a fuzzer does with its input, and how much memory the input justifies, is what the crate's own tests of damaged
//! files do: `crates/verglas-formats/tests/hostile`.

// The targets need the reading, the seeds' program the seeds; the tests also need the rest.
#[allow(dead_code)]
#[path = "../../crates/verglas-formats/tests/hostile/mod.rs"]
pub mod hostile;

#[doc(hidden)]
pub use libfuzzer_sys;

#[global_allocator]
static ALLOCATOR: hostile::memory::CountingAllocator = hostile::memory::CountingAllocator;

/// The fuzzer of the reader of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(|input: &[u8]| {
            $crate::hostile::Reader::named($name).check(input);
        });
    };
}
