#![no_main]
verglas_fuzz::target!("pt_pickle");
