//! The kernels of the search, compiled here once for each number type and instruction set, and not again by each crate that
//! compares something.

use super::coarse::CoarseJob;
use super::near::NearJob;
use super::run::Job;
use super::simd::Dispatch;

/// What a thread does.
pub trait Work: Dispatch {
    /// Takes templates of a job until none are left.
    fn work(job: &Job<'_, Self>);
    /// The same at half of the resolution.
    fn work_coarse(job: &CoarseJob<'_, Self>);
    /// The same near known poses.
    fn work_near(job: &NearJob<'_, Self>);
}

macro_rules! work {
    ($($real:ty),*) => {
        $(
            impl Work for $real {
                #[inline(never)]
                fn work(job: &Job<'_, Self>) {
                    Self::dispatch(job.worker());
                }

                #[inline(never)]
                fn work_coarse(job: &CoarseJob<'_, Self>) {
                    Self::dispatch(job.worker());
                }

                #[inline(never)]
                fn work_near(job: &NearJob<'_, Self>) {
                    Self::dispatch(job.worker());
                }
            }
        )*
    };
}

work!(f32, f64);
