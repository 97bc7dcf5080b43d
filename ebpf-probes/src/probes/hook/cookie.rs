//! Hooks on what an ACK with a cookie passes.

use aya_ebpf::macros::map;
use ebpf_probes::Milestone;

use crate::probes::cookie_check;
use crate::probes::hook::{self, Same};
use crate::probes::read::Address;
use crate::probes::slot::{self, Outer};

entry!(cookie_v4, ctx => cookie_check::enter(
    address!(ctx, CookieV4Sk),
    address!(ctx, CookieV4Skb),
));
exit!(cookie_v4_exit, ctx => cookie_check::exit(address!(ctx, CookieV4Returned)));
entry!(cookie_v6, ctx => cookie_check::enter(
    address!(ctx, CookieV6Sk),
    address!(ctx, CookieV6Skb),
));
exit!(cookie_v6_exit, ctx => cookie_check::exit(address!(ctx, CookieV6Returned)));

/// `cookie_v4_exit`.
#[map]
static COOKIE_V4: Same = Same::with_max_entries(1, 0);
exit!(cookie_v6_exit_same, ctx => hook::go_on(&ctx, &COOKIE_V4));

exit!(cookie_v4_checked_exit, ctx => checked(address!(ctx, CookieV4CheckedReturned)));
exit!(cookie_v6_checked_exit, ctx => checked(address!(ctx, CookieV6CheckedReturned)));
passed!(cookie_child, [CookieCheck], CookieChild);

/// `__cookie_v4_check` or `__cookie_v6_check` returned the MSS in the cookie, or 0: an `int`.
#[inline(always)]
fn checked(mss: Address) {
    slot::pass(Outer::CookieCheck, Milestone::CookieChecked);
    if mss.raw() as u32 == 0 {
        slot::pass(Outer::CookieCheck, Milestone::CookieInvalid);
    }
}
