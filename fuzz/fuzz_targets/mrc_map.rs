#![no_main]
verglas_fuzz::target!("mrc_map");
