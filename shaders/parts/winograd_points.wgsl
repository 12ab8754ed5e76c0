// winograd_points: where the products of winograd_maps are interpolated: 0, ±P, ±Q and infinity. Their sums in f32 stay twice
// as close to f64 as with the textbook's ±1 and ±2; powers and products of the two are exact.

const P: f32 = 0.625;
const Q: f32 = 1.5;
// What the interpolation divides by there.
const AT_0: f32 = 1.0 / (P * P * Q * Q);
const AT_P: f32 = 0.5 / (P * P * (P * P - Q * Q));
const AT_Q: f32 = 0.5 / (Q * Q * (Q * Q - P * P));
