#![no_main]
verglas_fuzz::target!("trajectory");
