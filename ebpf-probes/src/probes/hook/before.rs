//! Hooks on what a packet passes before the listener's own code; attached on demand only.

use ebpf_probes::{Function, Milestone};

use crate::probes::before;

entry!(v4_received, ctx =>
    before::enter(address!(ctx, V4ReceivedSkb), Function::TcpV4Rcv));
exit!(v4_received_exit, _ctx => before::exit());
entry!(v6_received, ctx =>
    before::enter(address!(ctx, V6ReceivedSkb), Function::TcpV6Rcv));
exit!(v6_received_exit, _ctx => before::exit());

entry!(filter_entered, ctx => before::enter_gate(
    address!(ctx, FilterSk),
    address!(ctx, FilterSkb),
));
exit!(filter_entered_exit, ctx => if returned_error!(ctx, FilterEnteredReturned) {
    before::refused(Milestone::FilterRefused);
});
entry!(policy_entered, ctx => before::enter_gate(
    address!(ctx, PolicySk),
    address!(ctx, PolicySkb),
));
exit!(policy_entered_exit, ctx => if !returned_error!(ctx, PolicyEnteredReturned) {
    before::refused(Milestone::PolicyRefused);
});
// A bool, or one of the kernel's drop reasons, of which all that count here are below 256.
entry!(signature_entered, ctx => before::enter_gate(
    address!(ctx, SignatureSk),
    address!(ctx, SignatureSkb),
));
exit!(signature_entered_exit, ctx => if returned_true!(ctx, SignatureEnteredReturned) {
    before::refused(Milestone::SignatureRefused);
});
entry!(v6_signature_entered, ctx => before::enter_gate(
    address!(ctx, V6SignatureSk),
    address!(ctx, V6SignatureSkb),
));
exit!(v6_signature_entered_exit, ctx => if returned_true!(ctx, V6SignatureEnteredReturned) {
    before::refused(Milestone::SignatureRefused);
});

exit!(v4_listener_found_exit, ctx => before::found(address!(ctx, V4ListenerFoundReturned)));
exit!(v6_listener_found_exit, ctx => before::found(address!(ctx, V6ListenerFoundReturned)));
exit!(checksum_exit, ctx => if value!(ctx, ChecksumReturned) as u16 != 0 {
    before::garbled();
});
exit!(timewait_exit, ctx => before::met_timewait(value!(ctx, TimewaitReturned) as u32));
entry!(state_entered, ctx => before::enter_state(
    address!(ctx, StateSk),
    address!(ctx, StateSkb),
));
