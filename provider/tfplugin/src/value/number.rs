//! Numbers of any size, exactly as written.
//!
//! Terraform computes with 512 bits; neither `i64` nor `f64` holds what it may send. A [`Number`] is a whole
//! coefficient and a power of ten, kept without trailing zeros, so that equal numbers are equal values and a number
//! that nobody touched goes back as it came. Digits and exponent are bounded: hostile input is an error, not a
//! gigabyte.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use num_bigint::{BigInt, Sign};

/// More digits than this are refused; 512 bits need about 155, the exact value of the smallest `f64` about 770.
const DIGITS_MAX: usize = 4096;
/// A larger power of ten is refused.
const EXPONENT_MAX: i64 = 1_000_000;
/// Up to this many zeros are written out; beyond, scientific notation.
const ZEROS_WRITTEN: i64 = 40;

/// An exact decimal number of any size, or an infinity.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// `coefficient * 10^exponent`; the coefficient is not divisible by ten, zero is `0 * 10^0`.
    Finite { coefficient: BigInt, exponent: i64 },
    /// Infinity, which arithmetic in a configuration can produce.
    Infinite { negative: bool },
}

/// Why a text is not a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is not a decimal number.
    #[error("not a decimal number")]
    Malformed,
    /// The number has more digits or a larger exponent than any real use needs.
    #[error("number is too large to handle")]
    TooLarge,
    /// The float is not a number.
    #[error("not a number")]
    NotANumber,
}

impl Number {
    /// Zero.
    pub fn zero() -> Self {
        Self::from(0_i64)
    }

    /// The exact value of a float.
    pub fn from_f64(float: f64) -> Result<Self, NumberError> {
        const MANTISSA_BITS: u64 = 52;
        if float.is_nan() {
            return Err(NumberError::NotANumber);
        }
        if float.is_infinite() {
            return Ok(Self(Repr::Infinite { negative: float < 0.0 }));
        }
        let bits = float.to_bits();
        let raw_exponent = i64::try_from((bits >> MANTISSA_BITS) & 0x7ff).unwrap_or_default();
        let fraction = bits & ((1 << MANTISSA_BITS) - 1);
        let (mut mantissa, mut exponent) = match raw_exponent {
            0 => (fraction, -1074),
            normal => (fraction | (1 << MANTISSA_BITS), normal - 1075),
        };
        if mantissa == 0 {
            return Ok(Self::zero());
        }
        let twos = mantissa.trailing_zeros();
        mantissa >>= twos;
        exponent += i64::from(twos);
        let power = u32::try_from(exponent.unsigned_abs()).map_err(|_| NumberError::TooLarge)?;
        let (magnitude, exponent) = if exponent >= 0 {
            (BigInt::from(mantissa) << power, 0)
        } else {
            // m / 2^k is m * 5^k / 10^k.
            (BigInt::from(mantissa) * BigInt::from(5).pow(power), exponent)
        };
        let coefficient = if float.is_sign_negative() { -magnitude } else { magnitude };
        Ok(Self::finite(coefficient, exponent))
    }

    /// This number as `i64`, when it is a whole number that fits.
    pub fn to_i64(&self) -> Option<i64> {
        let Repr::Finite { coefficient, exponent } = &self.0 else { return None };
        // A power of ten above 18 does not fit whatever it multiplies (zero has exponent 0).
        let exponent = u32::try_from(*exponent).ok().filter(|exponent| *exponent <= 18)?;
        let whole = coefficient * BigInt::from(10).pow(exponent);
        i64::try_from(&whole).ok()
    }

    /// The nearest `f64`.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Infinite { negative: true } => f64::NEG_INFINITY,
            Repr::Infinite { negative: false } => f64::INFINITY,
            Repr::Finite { coefficient, exponent } => format!("{coefficient}e{exponent}").parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether this is an infinity, and which.
    pub(crate) fn infinity(&self) -> Option<f64> {
        matches!(self.0, Repr::Infinite { .. }).then(|| self.to_f64())
    }

    fn finite(coefficient: BigInt, exponent: i64) -> Self {
        if coefficient.sign() == Sign::NoSign {
            return Self(Repr::Finite { coefficient, exponent: 0 });
        }
        let digits = coefficient.to_string();
        let zeros = digits.bytes().rev().take_while(|digit| *digit == b'0').count();
        if zeros == 0 {
            return Self(Repr::Finite { coefficient, exponent });
        }
        let kept = digits[..digits.len() - zeros].parse().unwrap_or(coefficient);
        Self(Repr::Finite { coefficient: kept, exponent: exponent + i64::try_from(zeros).unwrap_or(0) })
    }
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self::finite(BigInt::from(whole), 0)
    }
}

impl From<u64> for Number {
    fn from(whole: u64) -> Self {
        Self::finite(BigInt::from(whole), 0)
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (negative, unsigned) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, &mantissa[1..]),
            Some(b'+') => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        if exponent == 0 && matches!(unsigned, "Inf" | "inf" | "Infinity") {
            return Ok(Self(Repr::Infinite { negative }));
        }
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if whole.len() + fraction.len() > DIGITS_MAX {
            return Err(NumberError::TooLarge);
        }
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(NumberError::Malformed);
        }
        let magnitude: BigInt = format!("0{whole}{fraction}").parse().map_err(|_| NumberError::Malformed)?;
        let exponent = exponent - i64::try_from(fraction.len()).map_err(|_| NumberError::TooLarge)?;
        Ok(Self::finite(if negative { -magnitude } else { magnitude }, exponent))
    }
}

/// An exponent in bounds; digits that do not even fit an `i64` are out of bounds, not malformed.
fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::Malformed);
    }
    match text.parse::<i64>() {
        Ok(exponent) if exponent.abs() <= EXPONENT_MAX => Ok(exponent),
        _ => Err(NumberError::TooLarge),
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (coefficient, exponent) = match &self.0 {
            Repr::Infinite { negative: true } => return out.write_str("-Inf"),
            Repr::Infinite { negative: false } => return out.write_str("Inf"),
            Repr::Finite { coefficient, exponent } => (coefficient, *exponent),
        };
        if (0..=ZEROS_WRITTEN).contains(&exponent) {
            write!(out, "{coefficient}")?;
            return (0..exponent).try_for_each(|_| out.write_str("0"));
        }
        if exponent > 0 {
            return write!(out, "{coefficient}e{exponent}");
        }
        let digits = coefficient.magnitude().to_string();
        let sign = if coefficient.sign() == Sign::Minus { "-" } else { "" };
        let places = usize::try_from(-exponent).unwrap_or(usize::MAX);
        if places > DIGITS_MAX {
            return write!(out, "{coefficient}e{exponent}");
        }
        if digits.len() > places {
            let (whole, fraction) = digits.split_at(digits.len() - places);
            write!(out, "{sign}{whole}.{fraction}")
        } else {
            write!(out, "{sign}0.{}{digits}", "0".repeat(places - digits.len()))
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Default for Number {
    fn default() -> Self {
        Self::zero()
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Finite { coefficient, exponent }, Repr::Finite { coefficient: other, exponent: other_exponent }) => {
                compare_finite((coefficient, *exponent), (other, *other_exponent))
            }
            _ => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

fn compare_finite(left: (&BigInt, i64), right: (&BigInt, i64)) -> Ordering {
    let signs = left.0.sign().cmp(&right.0.sign());
    if signs != Ordering::Equal || left.0.sign() == Sign::NoSign {
        return signs;
    }
    // The position of the leading digit decides; only when it agrees are the digits aligned, which costs no more
    // than the digits already there.
    let digits = |coefficient: &BigInt| coefficient.magnitude().to_string();
    let (mut ours, mut theirs) = (digits(left.0), digits(right.0));
    let leading = |digits: &str, exponent: i64| i64::try_from(digits.len()).unwrap_or(i64::MAX) + exponent;
    let magnitudes = leading(&ours, left.1).cmp(&leading(&theirs, right.1)).then_with(|| {
        let width = ours.len().max(theirs.len());
        ours.extend(std::iter::repeat_n('0', width - ours.len()));
        theirs.extend(std::iter::repeat_n('0', width - theirs.len()));
        ours.cmp(&theirs)
    });
    if left.0.sign() == Sign::Minus { magnitudes.reverse() } else { magnitudes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for (left, right) in [("1", "1.0"), ("1e3", "1000"), ("0", "-0.00"), ("+2.50", "2.5"), (".5", "0.5")] {
            assert_eq!(number(left), number(right), "{left} {right}");
        }
    }

    #[test]
    fn no_digit_is_lost() {
        for text in ["0.1", "-12345678901234567890123456789.000000001", "9223372036854775808", "0.000001"] {
            assert_eq!(number(text).to_string(), text);
        }
    }

    #[test]
    fn a_float_is_taken_exactly() {
        assert_eq!(Number::from_f64(0.5).unwrap(), number("0.5"));
        assert_ne!(Number::from_f64(0.1).unwrap(), number("0.1"));
        assert_eq!(Number::from_f64(-1e300).unwrap().to_f64().to_bits(), (-1e300f64).to_bits());
        assert_eq!(Number::from_f64(5e-324).unwrap().to_f64().to_bits(), 5e-324f64.to_bits());
        assert_eq!(Number::from_f64(f64::NAN), Err(NumberError::NotANumber));
    }

    #[test]
    fn whole_numbers_that_fit_are_i64() {
        assert_eq!(number("9223372036854775807").to_i64(), Some(i64::MAX));
        assert_eq!(number("9223372036854775808").to_i64(), None);
        assert_eq!(number("-9.2e3").to_i64(), Some(-9200));
        assert_eq!(number("0.5").to_i64(), None);
        assert_eq!(number("1e19").to_i64(), None);
    }

    #[test]
    fn order_is_numeric() {
        let sorted = ["-Inf", "-1e9", "-1.5", "-1", "0", "0.02", "0.1", "1", "1.5", "10", "1e9", "Inf"];
        for pair in sorted.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn nonsense_and_monsters_are_errors() {
        for text in ["", "-", "1.2.3", "1e", "abc", "1e+-2", "١"] {
            assert_eq!(text.parse::<Number>(), Err(NumberError::Malformed), "{text}");
        }
        assert_eq!("1e99999999999999999999".parse::<Number>(), Err(NumberError::TooLarge));
        assert_eq!("9".repeat(5000).parse::<Number>(), Err(NumberError::TooLarge));
    }
}
