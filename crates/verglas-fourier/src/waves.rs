//! Sines and cosines in loops that the compiler turns into vectors.

use std::f64::consts::PI;

/// sin 2πt and cos 2πt without branches, for |t| below 1e15.
#[inline(always)]
pub fn sin_cos_turns(turns: f64) -> (f64, f64) {
    /// Adding and subtracting it rounds.
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    /// 1/3!, 1/5!, …, with signs.
    const SINE: [f64; 10] = [
        -1.0 / 6.0,
        1.0 / 120.0,
        -1.0 / 5_040.0,
        1.0 / 362_880.0,
        -1.0 / 39_916_800.0,
        1.0 / 6_227_020_800.0,
        -1.0 / 1_307_674_368_000.0,
        1.0 / 355_687_428_096_000.0,
        -1.0 / 121_645_100_408_832_000.0,
        1.0 / 51_090_942_171_709_440_000.0,
    ];
    /// 1/2!, 1/4!, …, with signs.
    const COSINE: [f64; 11] = [
        -0.5,
        1.0 / 24.0,
        -1.0 / 720.0,
        1.0 / 40_320.0,
        -1.0 / 3_628_800.0,
        1.0 / 479_001_600.0,
        -1.0 / 87_178_291_200.0,
        1.0 / 20_922_789_888_000.0,
        -1.0 / 6_402_373_705_728_000.0,
        1.0 / 2_432_902_008_176_640_000.0,
        -1.0 / 1_124_000_727_777_607_680_000.0,
    ];
    let rest = turns - ((turns + ROUNDER) - ROUNDER);
    // Half of the angle, at most π/2.
    let x = PI * rest;
    let square = x * x;
    let (mut sine, mut cosine) = (SINE[9], COSINE[10]);
    for factor in SINE[..9].iter().rev() {
        sine = sine * square + factor;
    }
    for factor in COSINE[..10].iter().rev() {
        cosine = cosine * square + factor;
    }
    let (sine, cosine) = (x + x * (square * sine), 1.0 + square * cosine);
    (2.0 * sine * cosine, 1.0 - 2.0 * sine * sine)
}
