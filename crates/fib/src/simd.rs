//! The same code in several forms, of which a worker runs the best that its processor has.
//!
//! The program is built for any x86-64 processor. What [`with_best_instructions`] runs is compiled once more for each level
//! (x86-64-v2, v3 and v4 of the x86-64 psABI): loads that swap octets, bit instructions without flags, wider vectors. That
//! takes everything on the packet path to be inlined into what is run, so its functions are `#[inline(always)]`.
//!
//! What the compiler makes no good use of vectors for is written with SSE2, which every x86-64 processor has.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What [`with_best_instructions`] runs. A closure would not do: it cannot be said of one that it is to be inlined.
pub trait Job {
    /// What it results in.
    type Output;

    /// Does it. Every implementation is `#[inline(always)]`.
    fn run(self) -> Self::Output;
}

/// What the processor offers beyond plain x86-64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing that is used.
    Plain,
    /// SSE 4.2 and POPCNT.
    V2,
    /// AVX2, BMI and MOVBE.
    V3,
    /// AVX-512, with 128 and 256 bit vectors too.
    V4,
}

impl Level {
    /// Of the processor that this runs on.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            macro_rules! all { ($($feature:tt)*) => { $(std::arch::is_x86_feature_detected!($feature))&&* } }
            if !all!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt") {
                return Self::Plain;
            }
            if !all!("avx" "avx2" "bmi1" "bmi2" "f16c" "fma" "lzcnt" "movbe") {
                return Self::V2;
            }
            if !all!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl") {
                return Self::V3;
            }
            Self::V4
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::Plain
    }
}

/// The level that was detected, plus one; 0 before. Whoever comes first may detect it twice, with one result.
static LEVEL: AtomicU8 = AtomicU8::new(0);

#[inline(always)]
fn level() -> Level {
    // Relaxed: nothing else is published by it.
    match LEVEL.load(Relaxed) {
        4 => Level::V4,
        3 => Level::V3,
        2 => Level::V2,
        1 => Level::Plain,
        _ => first_look(),
    }
}

#[cold]
#[inline(never)]
fn first_look() -> Level {
    let level = Level::detect();
    LEVEL.store(level as u8 + 1, Relaxed);
    level
}

/// Runs `job` in the form for this processor.
#[inline(always)]
#[allow(unsafe_code)]
pub fn with_best_instructions<J: Job>(job: J) -> J::Output {
    #[cfg(target_arch = "x86_64")]
    match level() {
        // SAFETY: the processor has all that the function was compiled for.
        Level::V4 => return unsafe { v4(job) },
        // SAFETY: as above.
        Level::V3 => return unsafe { v3(job) },
        // SAFETY: as above.
        Level::V2 => return unsafe { v2(job) },
        Level::Plain => {}
    }
    job.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse3,ssse3,sse4.1,sse4.2,popcnt")]
fn v2<J: Job>(job: J) -> J::Output {
    job.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse3,ssse3,sse4.1,sse4.2,popcnt,avx,avx2,bmi1,bmi2,f16c,fma,lzcnt,movbe")]
fn v3<J: Job>(job: J) -> J::Output {
    job.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "sse3,ssse3,sse4.1,sse4.2,popcnt,avx,avx2,bmi1,bmi2,f16c,fma,lzcnt,movbe,avx512f,avx512bw,avx512cd,avx512dq,avx512vl"
)]
fn v4<J: Job>(job: J) -> J::Output {
    job.run()
}

/// The place of `key` among five; 5 if it is none of them. Without a branch, in some fifteen instructions.
#[inline(always)]
#[allow(unsafe_code)]
#[must_use]
pub fn place_of(keys: &[u64; 5], key: u64) -> usize {
    // SAFETY: every x86-64 processor has SSE2.
    #[cfg(target_arch = "x86_64")]
    return unsafe { sse2::place_of(keys, key) };
    #[cfg(not(target_arch = "x86_64"))]
    keys.iter().position(|k| *k == key).unwrap_or(5)
}

/// Bit n is set where value n, of which only the bits of `mask` count, is `wanted`. Without a branch, in some thirty
/// instructions.
#[inline(always)]
#[allow(unsafe_code)]
#[must_use]
pub fn lanes_with(values: &[u32; 32], mask: u32, wanted: u32) -> u32 {
    // SAFETY: every x86-64 processor has SSE2.
    #[cfg(target_arch = "x86_64")]
    return unsafe { sse2::lanes_with(values, mask, wanted) };
    #[cfg(not(target_arch = "x86_64"))]
    (0..).zip(values).fold(0, |lanes, (lane, value)| lanes | u32::from(value & mask == wanted) << lane)
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpeq_epi32, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32, _mm_set_epi64x,
        _mm_set1_epi32, _mm_set1_epi64x,
    };

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn place_of(keys: &[u64; 5], key: u64) -> usize {
        let [a, b, c, d, e] = keys.map(|key| key as i64);
        let wanted = _mm_set1_epi64x(key as i64);
        // Two equal halves a key: SSE2 compares no 64 bits at once.
        let first = _mm_cmpeq_epi32(_mm_set_epi64x(b, a), wanted);
        let second = _mm_cmpeq_epi32(_mm_set_epi64x(d, c), wanted);
        let third = _mm_cmpeq_epi32(_mm_set_epi64x(e, e), wanted);
        let halves = _mm_packs_epi16(_mm_packs_epi32(first, second), _mm_packs_epi32(third, third));
        let halves = _mm_movemask_epi8(halves) as u32;
        ((halves & halves >> 1 & 0x155 | 1 << 10).trailing_zeros() / 2) as usize
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn lanes_with(values: &[u32; 32], mask: u32, wanted: u32) -> u32 {
        let (mask, wanted) = (_mm_set1_epi32(mask as i32), _mm_set1_epi32(wanted as i32));
        let quad = |n: usize| _mm_cmpeq_epi32(_mm_and_si128(vector(values, n), mask), wanted);
        let eight = |n: usize| _mm_packs_epi32(quad(n), quad(n + 1));
        let sixteen = |n: usize| _mm_movemask_epi8(_mm_packs_epi16(eight(n), eight(n + 2))) as u32;
        sixteen(0) | sixteen(4) << 16
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn vector(values: &[u32; 32], quad: usize) -> __m128i {
        let (quads, _) = values.as_chunks::<4>();
        let [a, b, c, d] = quads.get(quad).copied().unwrap_or_default().map(u64::from);
        _mm_set_epi64x((d << 32 | c) as i64, (b << 32 | a) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_is_found_where_it_is(keys: [u64; 5], other: u64, low in 0usize..5, high in 0usize..5) {
            let distinct = (0..5).all(|n| keys[..n].iter().all(|key| *key != keys[n]));
            prop_assume!(distinct);
            for (n, key) in keys.iter().enumerate() {
                prop_assert_eq!(place_of(&keys, *key), n);
            }
            // Halves of two keys are no key.
            let mixed = keys[high] & !0xffff_ffff | keys[low] & 0xffff_ffff;
            for key in [other, mixed] {
                prop_assert_eq!(place_of(&keys, key), keys.iter().position(|k| *k == key).unwrap_or(5));
            }
        }

        #[test]
        fn lanes_are_those_that_have_the_value(values: [u32; 32], mask: u32, lane in 0usize..32) {
            let wanted = values[lane] & mask;
            let lanes = lanes_with(&values, mask, wanted);
            for (n, value) in values.iter().enumerate() {
                prop_assert_eq!(lanes >> n & 1 == 1, value & mask == wanted);
            }
        }
    }

    #[test]
    fn every_level_that_the_processor_has_computes_the_same() {
        struct Sum<'a>(&'a [u32]);
        impl Job for Sum<'_> {
            type Output = u64;

            #[inline(always)]
            fn run(self) -> u64 {
                self.0.iter().map(|n| u64::from(n.swap_bytes().leading_zeros())).sum()
            }
        }
        let numbers: Vec<u32> = (0..1000u32).map(|n| n.wrapping_mul(0x9e37_79b9)).collect();
        assert_eq!(with_best_instructions(Sum(&numbers)), Sum(&numbers).run());
        assert_eq!(Level::detect(), Level::detect());
    }
}
