//! How many bits a token takes for somebody who knows what people type: few for words, also in leet, for rows of a
//! keyboard, dates, sequences, and whatever repeats itself.
//!
//! The estimate is that of prediction by partial matching (PPM; Cleary and Witten, 1984) of order 3 with the escapes of
//! Witten and Bell (1991). Each character is predicted from up to three before it: by what followed them in typed
//! texts, and earlier in the token itself. Its bits are the logarithm of how unlikely it was.
//!
//! A random token of 256 bits takes more, so 256 is what is asked for:
//! - These are the lengths of a code, and no code makes many texts short: of all tokens, fewer than one in 2ⁿ takes
//!   less than 256 - n bits (Kraft's inequality).
//! - This code is made for what is typed, and the random is long in it: 348 bits on average in hexadecimal and 357 in
//!   base64. The shortest of 200,000 tokens of each kind took 294 and 301. Ten times fewer tokens are shorter by nine
//!   bits more, so less than 256 takes about one in a thousand millions.
//!
//! What people type takes less than 256, mostly much less; the table in the tests has examples.
//!
//! zxcvbn has the better known name and was refused. It counts guesses in 64 bits, so six words look like one random
//! text to it. In random hexadecimal it finds dates and words, so no threshold can be proved. It asks the clock for the
//! year, so a token could be good today and not tomorrow. And every program would carry its lists and two more crates.

use std::collections::HashMap;
use std::sync::LazyLock;

use zeroize::Zeroizing;

/// How many characters predict the next one, at most.
const ORDER: usize = 3;

/// Rows of letters and digits, on a keyboard and elsewhere.
const ROWS: &str = "abcdefghijklmnopqrstuvwxyz zyxwvutsrqponmlkjihgfedcba qwertyuiop asdfghjkl zxcvbnm poiuytrewq \
    lkjhgfdsa mnbvcxz 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p 01234567890123456789 98765432109876543210 \
    0123456789abcdef0123456789abcdef fedcba9876543210";

/// Words that secrets are made of, and others from which the habits of the language are learned.
const WORDS: &str = "password secret token operator admin master login letmein welcome dragon monkey shadow sunshine \
    princess football cluster server database production staging development testing example change default private \
    public internal system network security certificate authority project member terraform ringfence the and this \
    that with from have what your very long some more only never always forever where there which because nothing \
    something people thing first last night correct horse battery staple orange purple yellow green silver golden \
    summer winter spring autumn mountain river ocean forest castle garden window kitchen coffee banana cherry potato \
    chicken elephant tiger rabbit guitar piano trumpet january february march april june july august september \
    october november december monday tuesday wednesday thursday friday saturday sunday one two three four five six \
    seven eight nine ten hundred thousand deadbeef cafebabe feedface facade decade";

/// What people type, each text by itself.
static TYPED: LazyLock<Vec<String>> = LazyLock::new(typed);
/// Of hexadecimal tokens.
static HEXADECIMAL: LazyLock<Model> =
    LazyLock::new(|| Model::learned(16.0, |text| text.bytes().all(|byte| b"0123456789abcdef".contains(&byte))));
/// Of tokens in either alphabet of base64.
static BASE64: LazyLock<Model> = LazyLock::new(|| Model::learned(66.0, |_| true));

/// The bits of a token, which must be ASCII.
pub(super) fn bits(token: &str) -> f64 {
    if token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        HEXADECIMAL.bits(Zeroizing::new(token.to_ascii_lowercase()).as_bytes())
    } else {
        BASE64.bits(token.as_bytes())
    }
}

fn typed() -> Vec<String> {
    let rows = [ROWS.to_owned(), ROWS.to_ascii_uppercase()];
    let rows = rows.iter().flat_map(|rows| rows.split(' ')).map(ToOwned::to_owned);
    let words = WORDS.split(' ').flat_map(|word| [word.to_owned(), capitalized(word), in_leet(word)]);
    let dates = (1950..2030).step_by(5).flat_map(|year| {
        let (day, month) = (1 + year % 28, 1 + year % 12);
        [
            format!("{year}{month:02}{day:02}"),
            format!("{day:02}{month:02}{year}"),
            format!("{year}-{month:02}-{day:02}"),
        ]
    });
    rows.chain(words).chain(dates).collect()
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

fn in_leet(word: &str) -> String {
    let letters = word.chars().map(|letter| match letter {
        'a' => '4',
        'e' => '3',
        'i' => '1',
        'o' => '0',
        's' => '5',
        't' => '7',
        other => other,
    });
    letters.collect()
}

/// What was typed, in a form to predict by.
struct Model {
    /// How many characters a token is made of.
    alphabet: f64,
    seen: HashMap<&'static [u8], Seen>,
}

/// What was seen of a text of a few characters.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// How often it stood there.
    times: u32,
    /// How often a character followed it.
    followed: u32,
    /// Which characters did, a bit for each.
    followers: u128,
}

impl Model {
    /// Learns the typed texts that a token could hold.
    fn learned(alphabet: f64, could_hold: impl Fn(&str) -> bool) -> Self {
        let mut seen: HashMap<&'static [u8], Seen> = HashMap::new();
        for text in TYPED.iter().filter(|text| could_hold(text)) {
            let text = text.as_bytes();
            for (at, follower) in text.iter().enumerate() {
                for order in 0..=ORDER.min(at) {
                    let before = seen.entry(&text[at - order..at]).or_default();
                    before.followed += 1;
                    before.followers |= 1 << *follower;
                    seen.entry(&text[at - order..=at]).or_default().times += 1;
                }
            }
        }
        Self { alphabet, seen }
    }

    fn bits(&self, token: &[u8]) -> f64 {
        (0..token.len()).map(|at| -self.probability(token, at).log2()).sum()
    }

    /// How likely it was that this character stands here, after those before it.
    fn probability(&self, token: &[u8], at: usize) -> f64 {
        let mut probability = 1.0 / self.alphabet;
        for order in 0..=ORDER.min(at) {
            let context = &token[at - order..at];
            let Seen { mut followed, mut followers, .. } = self.seen.get(context).copied().unwrap_or_default();
            let mut times = self.seen.get(&token[at - order..=at]).map_or(0, |seen| seen.times);
            for earlier in token[..at].windows(order + 1).filter(|earlier| earlier.starts_with(context)) {
                followed += 1;
                followers |= 1 << earlier[order];
                times += u32::from(earlier[order] == token[at]);
            }
            if followed == 0 {
                break;
            }
            // As much weight for what never followed here as there are characters that did.
            let escape = f64::from(followers.count_ones());
            probability = (f64::from(times) + escape * probability) / (f64::from(followed) + escape);
        }
        probability
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;
    use crate::operator::{OperatorToken, TokenError};

    /// A digest of a number, which is as good as random, and the same each time.
    fn random(number: u32) -> Vec<u8> {
        digest(&SHA256, format!("token {number}").as_bytes()).as_ref().to_vec()
    }

    #[test]
    fn random_tokens_are_taken_with_a_margin() {
        for number in 0..1_500 {
            let bytes = random(number);
            for token in [
                hex::encode(&bytes),
                hex::encode_upper(&bytes),
                STANDARD.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
            ] {
                let estimate = bits(token.trim_end_matches('='));
                assert!((290.0..400.0).contains(&estimate), "{token}: {estimate}");
                assert!(OperatorToken::parse(&token).is_ok(), "{token}");
            }
        }
    }

    #[test]
    fn what_people_type_is_not_random() {
        let half = "7f3a9c51e0b84d26a7c19f5e3d80b642";
        for (token, at_most) in [
            (half.repeat(2), 230.0),
            ("9f3a7c51e0b84d26".repeat(4), 130.0),
            ("0123456789abcdef".repeat(4), 30.0),
            ("FEDCBA9876543210".repeat(4), 60.0),
            ("deadbeefcafebabefeedfacebadc0ffeedecade1facade2deadbeef3cafebabe4".to_owned(), 170.0),
            ("1998011220210305197607041985123120010911199911302012062120200229".to_owned(), 245.0),
            ("2024-01-15-2024-02-16-2024-03-17-1999-12-31-2000".to_owned(), 160.0),
            ("qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjk".to_owned(), 90.0),
            ("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0pQAZWSXEDC".to_owned(), 90.0),
            ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".to_owned(), 60.0),
            ("correcthorsebatterystaplecavernspoonbicycle".to_owned(), 165.0),
            ("c0rr3cth0rs3b4tt3ryst4pl3c4v3rnsp00nb1cycl3".to_owned(), 225.0),
            ("fr33d0mr1d3rw4t3rf4llgr33nl1ghth0us3k33p3rj4m".to_owned(), 250.0),
            ("p4ssw0rd1".repeat(5), 80.0),
            ("ThisIsTheOperatorTokenOfOurProductionCluster1".to_owned(), 185.0),
            ("mynameisalicealice1990mynameisalicealice1990x".to_owned(), 155.0),
        ] {
            let estimate = bits(&token);
            assert!(estimate < at_most, "{token}: {estimate}");
            assert_eq!(OperatorToken::parse(&token).err(), Some(TokenError::Predictable), "{token}");
        }
    }
}
