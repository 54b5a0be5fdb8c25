//! Makes the `cfg`s of `pyo3` (`Py_GIL_DISABLED`) known to this crate.

use std::env;

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    if env::var_os("CARGO_CFG_PYO3_DISABLE_REFERENCE_POOL").is_none() {
        // Whoever sets RUSTFLAGS replaces what .cargo/config.toml says, and nothing else would show.
        println!(
            "cargo::warning=built without the flags in .cargo/config.toml, so calls are slower: \
             does RUSTFLAGS replace them?"
        );
    }
}
