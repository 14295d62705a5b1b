//! Ids: from names to the 64 hexadecimal digits that Docker has for containers and networks.

/// The id of a network, by its name.
pub(super) fn network_id(name: &str) -> String {
    hex_id(&format!("network {name}"))
}

/// 64 hexadecimal digits, always the same for the same seed, so that tests can be repeated.
pub(super) fn hex_id(seed: &str) -> String {
    // FNV-1a, then SplitMix64 for the digits.
    let mut state = seed
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut word = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    format!("{:016x}{:016x}{:016x}{:016x}", word(), word(), word(), word())
}
