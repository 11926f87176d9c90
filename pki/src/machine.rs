//! What this machine is called and where it is reached: host name and addresses of its
//! interfaces. Reads the kernel only; asks no name server.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::name::{DnsName, Host};

/// This machine's host name, as it is set; `None` if it is not a DNS name.
pub fn host_name() -> Option<DnsName> {
    nix::unistd::gethostname().ok()?.to_str()?.parse().ok()
}

/// All that a browser may call this machine: `localhost`, the host name, its first label, the
/// same under `local` (mDNS), loopback, and each address of an interface that is up.
///
/// Temporary IPv6 addresses (RFC 8981) are left out, as they change by the day and are not for
/// being reached, and link-local ones, which no URL can name without a zone.
///
/// # Errors
///
/// The kernel does not list its addresses (a sandbox without `AF_NETLINK`).
pub fn hosts() -> io::Result<Vec<Host>> {
    let mut hosts: Vec<Host> = names(host_name()).into_iter().map(Host::Name).collect();
    hosts.extend(addresses()?.into_iter().map(Host::Ip));
    Ok(hosts)
}

fn names(host_name: Option<DnsName>) -> Vec<DnsName> {
    let mut names: Vec<DnsName> = "localhost".parse().into_iter().collect();
    if let Some(host_name) = host_name {
        let short = host_name.short();
        names.extend(format!("{short}.local").parse());
        names.extend([short, host_name]);
    }
    names.sort();
    names.dedup();
    names
}

fn addresses() -> io::Result<BTreeSet<IpAddr>> {
    let temporary =
        temporary_addresses(&fs::read_to_string("/proc/net/if_inet6").unwrap_or_default());
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let found = getifaddrs()?
        .filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
        })
        .filter(|ip| match ip {
            IpAddr::V4(_) => true,
            IpAddr::V6(v6) => !v6.is_unicast_link_local() && !temporary.contains(v6),
        });
    Ok(loopback.into_iter().chain(found).collect())
}

/// The temporary addresses in the text of `/proc/net/if_inet6`: lines of address, interface,
/// prefix, scope, flags and name, numbers in hex.
fn temporary_addresses(table: &str) -> BTreeSet<Ipv6Addr> {
    const IFA_F_TEMPORARY: u32 = 0x01;
    let parse = |line: &str| {
        let mut fields = line.split_whitespace();
        let address = u128::from_str_radix(fields.next()?, 16).ok()?;
        let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
        (flags & IFA_F_TEMPORARY != 0).then(|| Ipv6Addr::from_bits(address))
    };
    table.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn texts(name: &str) -> Vec<String> {
        names(name.parse().ok()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_machine_is_called_by_its_name_its_short_name_and_its_mdns_name() {
        assert_eq!(texts("door"), ["door", "door.local", "localhost"]);
        assert_eq!(texts("door.lan"), ["door", "door.lan", "door.local", "localhost"]);
        assert_eq!(texts("localhost"), ["localhost", "localhost.local"]);
        assert_eq!(texts("(none)"), ["localhost"], "what the kernel says before one is set");
    }

    #[test]
    fn loopback_is_always_there() {
        let found = addresses().unwrap();
        assert!(found.contains(&IpAddr::from(Ipv4Addr::LOCALHOST)));
        assert!(found.contains(&IpAddr::from(Ipv6Addr::LOCALHOST)));
        assert!(!found.iter().any(|ip| ip.to_string().starts_with("fe80")), "{found:?}");
    }

    #[test]
    fn only_temporary_addresses_are_left_out() {
        let table = "\
fd000000000000000000000000000002 04 40 00 80     eth0
fd00000000000000a1b2c3d4e5f60718 04 40 00 01     eth0
00000000000000000000000000000001 01 80 10 80       lo
garbage
";
        let found: Vec<_> = temporary_addresses(table).into_iter().collect();
        assert_eq!(found, ["fd00::a1b2:c3d4:e5f6:718".parse::<Ipv6Addr>().unwrap()]);
    }
}
