//! Inputs by chance, the same at each run: enough to keep the targets alive where there is no
//! fuzzer. Coverage is the fuzzer's business.

use super::seeds::Seed;

/// Bytes that mean something to some parser.
const TOKENS: [&[u8]; 16] = [
    b"\n", b"\n\n", b" ", b"0", b"+", b"/", b"=", b"\"", b"{", b"}", b"[", b"]", b",", b"\\u0000",
    b"\xff", b"\x00",
];

/// A generator of the family xorshift64*.
pub struct Random(u64);

impl Random {
    /// Never the state of zero.
    pub fn new(stream: u8, seed: u64) -> Self {
        Self((seed << 8 | u64::from(stream)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// Below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap() % bound
    }
}

/// An input made from the seeds by one to four changes.
pub fn mutated(seeds: &[Seed], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].1.clone();
    for _ in 0..=random.below(4) {
        change(&mut bytes, seeds, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Seed], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(16)).min(bytes.len());
    match random.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.byte(),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        4 => {
            let token = TOKENS[random.below(TOKENS.len())];
            bytes.splice(at..at, token.iter().copied());
        }
        5 => bytes.truncate(at),
        _ => {
            let other = &seeds[random.below(seeds.len())].1;
            let from = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}
