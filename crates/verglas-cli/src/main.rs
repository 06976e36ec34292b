//! The verglas command.
fn main() {}
