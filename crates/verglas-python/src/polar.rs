//! The polar transform on NumPy arrays.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use num_complex::Complex;
use numpy::ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3};
use numpy::{Element, PyReadonlyArray3, PyReadwriteArray3};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use verglas::grid::Precision;
use verglas::polar::{Pixel, PolarScratch, PolarTransform, Real};

use crate::descriptor::Descriptor;
use crate::ending;
use crate::error::bad_value;
use crate::memory::ensure_memory;

/// How long images are transformed before signals are looked for.
const POLL: Duration = Duration::from_millis(100);

/// A planned transform, in the precision of its descriptor.
#[pyclass(frozen, module = "verglas._native")]
pub struct Transform(Plan);

enum Plan {
    Single(Planned<f32>),
    Double(Planned<f64>),
}

/// A plan, and the buffers of earlier calls.
struct Planned<T: Real> {
    transform: PolarTransform<T>,
    /// Only ever tried, never waited for: a process may be forked while another thread holds it.
    scratches: Mutex<Vec<PolarScratch<T>>>,
}

impl<T: Real> Planned<T> {
    fn new(descriptor: &Descriptor) -> PyResult<Self> {
        let (cartesian, polar) = (&descriptor.0.cartesian_grid, &descriptor.0.polar_grid);
        let bytes = PolarTransform::<T>::estimate_bytes(cartesian.n_pixels(), polar).map_err(bad_value)?;
        ensure_memory(bytes.plan, "the plan of a transform")?;
        let transform = PolarTransform::plan(cartesian.n_pixels(), polar).map_err(bad_value)?;
        Ok(Self { transform, scratches: Mutex::new(Vec::new()) })
    }

    /// Makes sure that this many threads can have buffers.
    fn ensure_scratches(&self, n_threads: usize) -> PyResult<()> {
        let n_kept = self.scratches.try_lock().map_or(0, |scratches| scratches.len());
        let n_bytes = self.transform.scratch_bytes().saturating_mul(n_threads.saturating_sub(n_kept));
        ensure_memory(n_bytes, "what the threads of a transform need")
    }

    fn take_scratch(&self) -> PolarScratch<T> {
        let kept = self.scratches.try_lock().ok().and_then(|mut scratches| scratches.pop());
        kept.unwrap_or_else(|| self.transform.scratch())
    }

    fn keep_scratch(&self, scratch: PolarScratch<T>) {
        if let Ok(mut scratches) = self.scratches.try_lock() {
            scratches.push(scratch);
        }
    }
}

#[pymethods]
impl Transform {
    #[new]
    fn new(py: Python<'_>, descriptor: &Bound<'_, Descriptor>) -> PyResult<Self> {
        let descriptor = descriptor.get();
        py.detach(|| match descriptor.0.precision {
            Precision::Single => Planned::new(descriptor).map(Plan::Single),
            Precision::Double => Planned::new(descriptor).map(Plan::Double),
        })
        .map(Self)
    }

    /// Transforms `images`, `[n, N, N]` of aligned float32 or float64 in any layout, into `out`, `[n, S, n_inplanes]`.
    fn apply(&self, images: &Bound<'_, PyAny>, out: &Bound<'_, PyAny>, n_threads: usize) -> PyResult<()> {
        match &self.0 {
            Plan::Single(plan) => apply_in(plan, images, out, n_threads),
            Plan::Double(plan) => apply_in(plan, images, out, n_threads),
        }
    }
}

fn apply_in<T: Real>(
    plan: &Planned<T>,
    images: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
    n_threads: usize,
) -> PyResult<()>
where
    Complex<T>: Element,
{
    let mut out: PyReadwriteArray3<'_, Complex<T>> = out.extract()?;
    let py = images.py();
    if let Ok(images) = images.extract::<PyReadonlyArray3<'_, f32>>() {
        return transform_all(py, plan, images.as_array(), out.as_array_mut(), n_threads);
    }
    if let Ok(images) = images.extract::<PyReadonlyArray3<'_, f64>>() {
        return transform_all(py, plan, images.as_array(), out.as_array_mut(), n_threads);
    }
    Err(PyTypeError::new_err("expected an array of float32 or float64 with three axes"))
}

/// Threads take one image after the other; this one also checks for signals.
fn transform_all<P: Pixel + Element, T: Real>(
    py: Python<'_>,
    plan: &Planned<T>,
    images: ArrayView3<'_, P>,
    mut out: ArrayViewMut3<'_, Complex<T>>,
    n_threads: usize,
) -> PyResult<()>
where
    Complex<T>: Element,
{
    let (n_pixels, n_shells, n_inplanes) =
        (plan.transform.n_pixels(), plan.transform.n_shells(), plan.transform.n_inplanes());
    let n_images = images.dim().0;
    if images.dim() != (n_images, n_pixels, n_pixels) || out.dim() != (n_images, n_shells, n_inplanes) {
        return Err(bad_value(format!("shapes {:?} and {:?} for this plan", images.dim(), out.dim())));
    }
    let pairs = Mutex::new(images.outer_iter().zip(out.outer_iter_mut()));
    let is_stopped = AtomicBool::new(false);
    let next = || match is_stopped.load(Ordering::Relaxed) {
        true => None,
        false => pairs.lock().unwrap_or_else(PoisonError::into_inner).next(),
    };
    let work = |mut look: Option<&mut dyn FnMut() -> PyResult<()>>| {
        let mut worker = Worker { plan, scratch: plan.take_scratch(), pixels: Vec::new(), values: Vec::new() };
        let (mut raised, mut looked) = (None, Instant::now());
        while let Some((image, out)) = next() {
            worker.transform(image, out);
            if let Some(look) = &mut look
                && looked.elapsed() >= POLL
            {
                if let Err(error) = look() {
                    is_stopped.store(true, Ordering::Relaxed);
                    raised = Some(error);
                }
                looked = Instant::now();
            }
        }
        plan.keep_scratch(worker.scratch);
        raised
    };
    let n_threads = n_threads.min(n_images).max(1);
    plan.ensure_scratches(n_threads)?;
    let raised = py.detach(|| {
        let mut look = || match ending::attached(|py| py.check_signals()) {
            Some(looked) => looked,
            None => {
                is_stopped.store(true, Ordering::Relaxed);
                Ok(())
            }
        };
        thread::scope(|scope| {
            for _ in 1..n_threads {
                // If the system allows fewer, these do all the work.
                if thread::Builder::new().spawn_scoped(scope, || work(None)).is_err() {
                    break;
                }
            }
            work(Some(&mut look))
        })
    });
    raised.map_or(Ok(()), Err)
}

/// One thread and its buffers.
struct Worker<'a, P, T: Real> {
    plan: &'a Planned<T>,
    scratch: PolarScratch<T>,
    /// An image whose pixels do not follow each other in the array.
    pixels: Vec<P>,
    /// Values that are to be spread over the array.
    values: Vec<Complex<T>>,
}

impl<P: Pixel, T: Real> Worker<'_, P, T> {
    fn transform(&mut self, image: ArrayView2<'_, P>, mut out: ArrayViewMut2<'_, Complex<T>>) {
        // Only rows after each other are read in place: `as_slice` of a view is `None` for any other order.
        let pixels = match image.as_slice() {
            Some(pixels) => pixels,
            None => {
                self.pixels.clear();
                self.pixels.extend(image.iter().copied());
                &self.pixels
            }
        };
        if let Some(values) = out.as_slice_mut() {
            self.plan.transform.apply(pixels, values, &mut self.scratch);
            return;
        }
        self.values.resize(self.plan.transform.output_len(), Complex::default());
        self.plan.transform.apply(pixels, &mut self.values, &mut self.scratch);
        for (place, value) in out.iter_mut().zip(&self.values) {
            *place = *value;
        }
    }
}
