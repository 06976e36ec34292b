//! Sizes in memory, known beforehand.

/// How many bytes a plan takes, shared by all threads, and how many each thread's scratch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransformBytes {
    /// Size of the plan.
    pub plan: usize,
    /// Size of one scratch.
    pub scratch: usize,
}
