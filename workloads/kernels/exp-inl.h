// exp(x) for f32 vectors, within 2 units of the last place on [-87, 88]: x = n ln 2 + r, a
// polynomial of degree six for e^r on |r| <= ln 2 / 2, and n put straight into the exponent. Below
// -87 the result is 0 (what a softmax wants of a masked score), above 88 it stays at exp(88).
//
// Included inside each target's namespace after `namespace hn`: no include guard by intent.

template <class D, class V = hn::Vec<D>>
HWY_INLINE V fast_exp(D d, V x) {
  const hn::RebindToSigned<D> d32;
  const V low = hn::Set(d, -87.0F);
  const auto counts = hn::Ge(x, low);
  x = hn::Min(hn::Max(x, low), hn::Set(d, 88.0F));
  const auto n = hn::NearestInt(hn::Mul(x, hn::Set(d, 1.44269504F)));
  const V whole = hn::ConvertTo(d, n);
  // ln 2 in two parts (Cody and Waite): the first has few bits, so n times it is exact.
  V r = hn::NegMulAdd(whole, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(whole, hn::Set(d, -2.12194440e-4F), r);
  // Taylor's coefficients: the term left out is below 2^-25 on the interval.
  V p = hn::Set(d, 1.0F / 720);
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 120));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 24));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 6));
  p = hn::MulAdd(p, r, hn::Set(d, 0.5F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
  const auto power = hn::ShiftLeft<23>(hn::Add(n, hn::Set(d32, 127)));
  return hn::IfThenElseZero(counts, hn::Mul(p, hn::BitCast(d, power)));
}
