//! Networks as `[[filter]]` names them.

use std::fmt;
use std::net::IpAddr;

/// A network: an address, and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The bits behind the prefix are 0.
    pub address: IpAddr,
    /// 0 to 32 or 128.
    pub prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fe80::/10` or a single address. Errors: what is wrong, for behind the text.
    #[inline(never)]
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err("is no address or network, such as \"10.0.0.0/8\" or \"fe80::/10\"".to_owned());
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let digits = prefix.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let prefix = match (prefix, digits.and_then(|text| text.parse::<u8>().ok())) {
            (None, _) => longest,
            (_, Some(prefix)) if prefix <= longest => prefix,
            _ => return Err(format!("must have a prefix from 0 to {longest} behind its /")),
        };
        let network = Self { address, prefix };
        let whole = network.masked();
        if whole == network {
            Ok(whole)
        } else {
            Err(format!("has bits behind its prefix; write \"{whole}\""))
        }
    }

    /// Without the bits behind the prefix.
    #[inline(never)]
    fn masked(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4((address.to_bits() & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((address.to_bits() & mask).into())
            }
        };
        Self { address, ..self }
    }

    /// Whether it holds an address. An IPv4 address in IPv6 (`::ffff:10.0.0.1`) is the IPv4 address to it.
    #[must_use]
    pub fn holds(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && Self { address, ..self }.masked().address == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}
