//! What is done to a file.

use proptest::prelude::*;
use proptest::sample::Index;

/// One change.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// a bit turns over
    Flip(Index, u8),
    /// bytes are replaced
    Write(Index, Vec<u8>),
    /// bytes are inserted
    Insert(Index, Vec<u8>),
    /// so many bytes are left out
    Remove(Index, usize),
    /// so many bytes from one place are put in at another
    Repeat(Index, Index, usize),
    /// bytes of another seed, from one place on, take the place of as many
    Splice(Index, Index, Index, usize),
    /// the file ends here
    Cut(Index),
    /// one decimal number of a text becomes another
    Number(Index, u64),
}

/// Numbers at which readers stumble, in the sizes that formats have.
fn number() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just(0u64),
        Just(1),
        Just(0x7f),
        Just(0xff),
        Just(0x7fff),
        Just(0xffff),
        Just(0x7fff_ffff),
        Just(0xffff_ffff),
        Just(1 << 40),
        Just(i64::MAX as u64),
        Just(u64::MAX),
        any::<u64>(),
    ];
    (value, proptest::sample::select(vec![1usize, 2, 4, 8]), any::<bool>()).prop_map(|(value, size, big)| {
        let mut bytes = value.to_le_bytes()[..size].to_vec();
        if big {
            bytes.reverse();
        }
        bytes
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let bytes = || proptest::collection::vec(any::<u8>(), 1..9);
    prop_oneof![
        (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (at(), prop_oneof![bytes().boxed(), number().boxed()]).prop_map(|(at, bytes)| Mutation::Write(at, bytes)),
        (at(), prop_oneof![bytes().boxed(), number().boxed()]).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (at(), 1..64usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (at(), at(), 1..256usize).prop_map(|(from, to, count)| Mutation::Repeat(from, to, count)),
        (at(), at(), at(), 1..512usize).prop_map(|(seed, from, to, count)| Mutation::Splice(seed, from, to, count)),
        at().prop_map(Mutation::Cut),
        (at(), prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(1 << 32), Just(1 << 40), any::<u64>()])
            .prop_map(|(at, value)| Mutation::Number(at, value)),
    ]
}

/// A seed by its number, and what is done to it.
pub fn mutants(seeds: usize) -> impl Strategy<Value = (usize, Vec<Mutation>)> {
    (0..seeds, proptest::collection::vec(mutation(), 1..8))
}

/// A seed after its mutations.
pub fn mutated(seeds: &[Vec<u8>], seed: usize, mutations: &[Mutation]) -> Vec<u8> {
    let mut content = seeds[seed].clone();
    for mutation in mutations {
        if content.is_empty() {
            break;
        }
        let place = |index: &Index, content: &[u8]| index.index(content.len());
        match mutation {
            Mutation::Flip(at, bit) => {
                let at = place(at, &content);
                content[at] ^= 1 << bit;
            }
            Mutation::Write(at, bytes) => {
                let at = place(at, &content);
                let end = (at + bytes.len()).min(content.len());
                content[at..end].copy_from_slice(&bytes[..end - at]);
            }
            Mutation::Insert(at, bytes) => {
                let at = place(at, &content);
                content.splice(at..at, bytes.iter().copied());
            }
            Mutation::Remove(at, count) => {
                let at = place(at, &content);
                content.drain(at..(at + count).min(content.len()));
            }
            Mutation::Repeat(from, to, count) => {
                let from = place(from, &content);
                let copied = content[from..(from + count).min(content.len())].to_vec();
                let to = place(to, &content);
                content.splice(to..to, copied);
            }
            Mutation::Splice(seed, from, to, count) => {
                let other = &seeds[seed.index(seeds.len())];
                let from = from.index(other.len());
                let taken = &other[from..(from + count).min(other.len())];
                let to = place(to, &content);
                let end = (to + taken.len()).min(content.len());
                content.splice(to..end, taken.iter().copied());
            }
            Mutation::Cut(at) => {
                let at = place(at, &content);
                content.truncate(at);
            }
            Mutation::Number(at, value) => {
                let at = place(at, &content);
                replace_number(&mut content, at, *value);
            }
        }
    }
    content
}

/// The first decimal number from a place on becomes another.
fn replace_number(content: &mut Vec<u8>, at: usize, value: u64) {
    let Some(start) = (at..content.len()).find(|&i| content[i].is_ascii_digit()) else { return };
    let end = (start..content.len()).find(|&i| !content[i].is_ascii_digit()).unwrap_or(content.len());
    content.splice(start..end, value.to_string().into_bytes());
}
