//! From a pose of the grid to the maximum of ℓ₊ near it.

use verglas_fourier::pose::Matrix3;

use super::chart::{Chart, Local, Moves};
use super::linear::{Matrix5, cholesky, half_ln_det, inverse, solve_lower, solve_upper};
use super::posterior::{Posterior, Template, Turned, Value, step_rad};
use crate::error::LikelihoodError;
use crate::pose::ContinuousPose;

/// A maximum of ℓ₊.
#[derive(Debug, Clone)]
pub(super) struct Mode {
    pub chart: Chart,
    pub value: Value,
    /// H, of −ℓ₊.
    pub hessian: Matrix5,
    /// Σ = H⁻¹.
    pub covariance: Matrix5,
    /// n/2·ln 2π − ½ ln det H + ℓ̂.
    pub laplace: f64,
}

impl Mode {
    /// xᵀHx
    pub fn quadratic(&self, x: &Local, n: usize) -> f64 {
        (0..n).map(|i| (0..n).map(|j| x[i] * self.hessian[i][j] * x[j]).sum::<f64>()).sum()
    }
}

/// Steps of Newton's method at most.
const MOST_STEPS: usize = 20;
/// Differences are taken over this share of a standard deviation.
const SHARE: f64 = 0.3;
/// gᵀH⁻¹g from which on differences in the plane are as fine as the others.
const NEAR: f64 = 0.2;
/// gᵀH⁻¹g from which on the next step leads to the maximum within 0.001 of a standard deviation: what is left falls with its square.
const CLOSE: f64 = 1e-3;
/// A climb is given up where so many times what the next step is to gain, and so many nats, would not make it count.
const HOPE: (f64, f64) = (3.0, 4.0);

/// Where something stands in a list, at the end of which it is put if it is not there.
fn place_of<T: PartialEq>(list: &mut Vec<T>, sought: T) -> usize {
    list.iter().position(|other| *other == sought).unwrap_or_else(|| {
        list.push(sought);
        list.len() - 1
    })
}

/// ℓ₊ at some coordinates of a chart. Templates are taken once for each view.
pub(super) fn values(
    posterior: &mut Posterior,
    chart: &Chart,
    points: &[Local],
) -> Result<Vec<Value>, LikelihoodError> {
    let step = step_rad(posterior.geometry);
    let n_points = posterior.slice_len();
    // Views, and which of them, between which steps of the grid, how many steps further each point is.
    let mut views: Vec<[f64; 2]> = Vec::new();
    let mut keys: Vec<(usize, f64)> = Vec::new();
    let mut places = Vec::with_capacity(points.len());
    for point in points {
        let turn = (point[2] / step).round();
        let mut rest = point[2] - turn * step;
        if rest.abs() < 1e-9 {
            rest = 0.0;
        }
        let view = place_of(&mut views, [point[0], point[1]]);
        places.push((place_of(&mut keys, (view, rest)), turn as i64));
    }
    let rotations: Vec<Matrix3> = views.iter().map(|[x, y]| chart.rotation(&[*x, *y, 0.0, 0.0, 0.0])).collect();
    let mut slices = std::mem::take(&mut posterior.room);
    posterior.slices(&rotations, &mut slices)?;
    let poses: Vec<ContinuousPose> = points.iter().map(|point| chart.pose(point)).collect();
    let center = chart.center().shift_angstrom;
    posterior.center_for(center, poses.iter().map(|pose| pose.shift_angstrom));
    // All points of one template after the other.
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|&index| places[index]);
    let mut found = vec![None; points.len()];
    let (mut template, mut turned) = (Template::default(), Turned::default());
    let mut taken = None;
    for index in order {
        let (place, turn) = places[index];
        if taken.is_none_or(|(other, _)| other != place) {
            let (view, rest) = keys[place];
            posterior.prepare_between(&slices[view * n_points..(view + 1) * n_points], rest, &mut template);
        }
        if taken != Some((place, turn)) {
            posterior.turn(&template, turn, &mut turned);
        }
        taken = Some((place, turn));
        found[index] = Some(posterior.value(&turned, &poses[index]));
    }
    posterior.room = slices;
    Ok(found.into_iter().flatten().collect())
}

/// Value, gradient and Hessian of ℓ₊ by central differences over `steps`.
fn differences(
    posterior: &mut Posterior,
    chart: &Chart,
    steps: &Local,
    n: usize,
) -> Result<(Value, [f64; 5], Matrix5), LikelihoodError> {
    let mut points: Vec<Local> = vec![[0.0; 5]];
    for i in 0..n {
        for sign in [1.0, -1.0] {
            let mut point = [0.0; 5];
            point[i] = sign * steps[i];
            points.push(point);
        }
    }
    for i in 0..n {
        for j in 0..i {
            for sign in [1.0, -1.0] {
                let mut point = [0.0; 5];
                (point[i], point[j]) = (sign * steps[i], sign * steps[j]);
                points.push(point);
            }
        }
    }
    let values = values(posterior, chart, &points)?;
    let f: Vec<f64> = values.iter().map(Value::total).collect();
    let (mut gradient, mut hessian) = ([0.0; 5], [[0.0; 5]; 5]);
    for i in 0..n {
        let (plus, minus) = (f[1 + 2 * i], f[2 + 2 * i]);
        gradient[i] = (plus - minus) / (2.0 * steps[i]);
        hessian[i][i] = -(plus + minus - 2.0 * f[0]) / (steps[i] * steps[i]);
    }
    let mut at = 1 + 2 * n;
    for i in 0..n {
        for j in 0..i {
            let corners = f[at] + f[at + 1];
            let sides = f[1 + 2 * i] + f[2 + 2 * i] + f[1 + 2 * j] + f[2 + 2 * j];
            let second = -(corners - sides + 2.0 * f[0]) / (2.0 * steps[i] * steps[j]);
            (hessian[i][j], hessian[j][i]) = (second, second);
            at += 2;
        }
    }
    Ok((values[0], gradient, hessian))
}

/// Climbs from `start` to the maximum near it; `None` where there is none with a positive definite H, none within
/// `reach_angstrom` of displacements, or none that is likely to be higher than `least`.
///
/// `steps` are of a size with the grid's.
pub(super) fn climb(
    posterior: &mut Posterior,
    start: ContinuousPose,
    moves: Moves,
    grid_steps: &Local,
    (reach_angstrom, least): (f64, f64),
) -> Result<Option<Mode>, LikelihoodError> {
    let n = moves.n_coordinates();
    let mut chart = Chart::new(start, moves);
    let mut steps: Local = grid_steps.map(|step| 0.25 * step);
    let mut is_near = false;
    let mut before: Option<(f64, Chart, Local)> = None;
    for _ in 0..MOST_STEPS {
        let (value, gradient, hessian) = differences(posterior, &chart, &steps, n)?;
        if let Some((best, from, step)) = &mut before
            && value.total() < *best - 1e-6
        {
            // Too far: half of it.
            *step = step.map(|value| 0.5 * value);
            chart = Chart::new(from.pose(step), moves);
            continue;
        }
        // In units of the steps, so that all coordinates are of one size.
        let scaled = |damping: f64| -> Matrix5 {
            std::array::from_fn(|i| {
                std::array::from_fn(|j| hessian[i][j] * steps[i] * steps[j] + if i == j { damping } else { 0.0 })
            })
        };
        let largest = (0..n).map(|i| (hessian[i][i] * steps[i] * steps[i]).abs()).fold(1e-6, f64::max);
        let mut damping = 0.0;
        let lower = loop {
            if let Some(lower) = cholesky(&scaled(damping), n) {
                break lower;
            }
            damping = if damping == 0.0 { 0.01 * largest } else { 4.0 * damping };
            if !damping.is_finite() {
                return Ok(None);
            }
        };
        let slope: [f64; 5] = std::array::from_fn(|i| gradient[i] * steps[i]);
        let z = solve_lower(&lower, &slope, n);
        let decrement: f64 = z.iter().map(|z| z * z).sum();
        if value.total() + 0.5 * decrement * HOPE.0 + HOPE.1 < least {
            return Ok(None);
        }
        let mut step = solve_upper(&lower, &z, n);
        // No farther than some three standard deviations, or grid steps.
        let longest = step[..n].iter().fold(0.0_f64, |longest, step| longest.max(step.abs()));
        let limit = 8.0;
        if longest > limit {
            step = step.map(|step| step * limit / longest);
        }
        let step: Local = std::array::from_fn(|i| step[i] * steps[i]);
        if damping == 0.0 && decrement < NEAR && !is_near {
            is_near = true;
            let deviation = 1.0 / hessian[2][2].sqrt();
            steps[2] = (SHARE * deviation).min(grid_steps[2]);
            before = Some((value.total(), chart, step));
            chart = Chart::new(chart.pose(&step), moves);
            continue;
        }
        if damping == 0.0 && decrement < CLOSE {
            let plain = cholesky(&hessian, n);
            let Some(lower) = plain else { return Ok(None) };
            let chart = Chart::new(chart.pose(&step), moves);
            let value = values(posterior, &chart, &[[0.0; 5]])?[0];
            let laplace = 0.5 * n as f64 * std::f64::consts::TAU.ln() - half_ln_det(&lower, n) + value.total();
            return Ok(Some(Mode { chart, value, hessian, covariance: inverse(&lower, n), laplace }));
        }
        before = Some((value.total(), chart, step));
        chart = Chart::new(chart.pose(&step), moves);
        if chart.center().shift_angstrom.iter().any(|shift| shift.abs() > reach_angstrom) {
            return Ok(None);
        }
        if damping == 0.0 {
            for i in 0..n {
                let deviation = 1.0 / hessian[i][i].sqrt();
                // A whole step of the grid's rotations takes no template between them: that is good enough till near the maximum.
                let is_whole = i == 2 && !is_near && deviation >= grid_steps[2];
                steps[i] = if is_whole { grid_steps[2] } else { (SHARE * deviation).min(grid_steps[i]) };
            }
        }
    }
    Ok(None)
}
