//! City-block distance on a pixel grid: iterated dilation and erosion with the 4-connected cross in two passes.

/// A distance larger than any on a grid.
const FAR: u32 = u32::MAX / 2;

/// City-block distance in pixels from every pixel of a row-major `[height, width]` grid to the nearest pixel with
/// `member`; with `border_is_member`, everything outside the grid counts as member too. No member: a huge number.
///
/// A pixel belongs to the n-fold dilation of a set with the 4-connected cross exactly when it is at most `n` away.
pub(super) fn city_block_distance(
    width: usize,
    height: usize,
    member: impl Fn(usize) -> bool,
    border_is_member: bool,
) -> Vec<u32> {
    let outside = if border_is_member { 0 } else { FAR };
    let mut distance: Vec<u32> = (0..width * height).map(|i| if member(i) { 0 } else { FAR }).collect();
    for y in 0..height {
        for x in 0..width {
            let i = y * width + x;
            let up = if y > 0 { distance[i - width] } else { outside };
            let left = if x > 0 { distance[i - 1] } else { outside };
            distance[i] = distance[i].min(up.min(left) + 1);
        }
    }
    for y in (0..height).rev() {
        for x in (0..width).rev() {
            let i = y * width + x;
            let down = if y + 1 < height { distance[i + width] } else { outside };
            let right = if x + 1 < width { distance[i + 1] } else { outside };
            distance[i] = distance[i].min(down.min(right) + 1);
        }
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_equal_a_search_over_all_members() {
        let (width, height) = (9, 7);
        let members = [3, 14, 40, 62];
        for border in [false, true] {
            let got = city_block_distance(width, height, |i| members.contains(&i), border);
            for (i, &distance) in got.iter().enumerate() {
                let (x, y) = (i % width, i / width);
                let nearest = members.iter().map(|m| x.abs_diff(m % width) + y.abs_diff(m / width)).min().unwrap();
                let edge = (x + 1).min(y + 1).min(width - x).min(height - y);
                let want = if border { nearest.min(edge) } else { nearest };
                assert_eq!(distance as usize, want, "pixel {x},{y}, border {border}");
            }
        }
    }
}
