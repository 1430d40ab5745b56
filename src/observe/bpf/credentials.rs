//! Records of the credentials of processes, credentials(7), and of their PIDs in nested PID namespaces, pid_namespaces(7).
//!
//! ```c
//! void record_credentials() {
//!     record->credentials.uid = cred->euid;
//!     record->credentials.capabilities = cred->cap_effective.val;         // before 6.3: cap[1] << 32 | cap[0]
//! }
//!
//! void record_pids() {
//!     pid = task->thread_pid;
//!     if (!pid)                                           // it has ended
//!         return;
//!     count = pid->level + 1 - LEVEL;
//!     if (count > 1) {                                    // before Linux 6.7 return: procfs tells
//!         record->credentials.first_pid = array->pid_count;
//!         pid = task->signal->pids[PIDTYPE_TGID];         // of the process, also during execve(2): find_process() in pid.rs
//!     }
//!     record->credentials.pid_count = count;
//!     for (n = LEVEL + 1; --count; n++)
//!         append(pids)->number = pid->numbers[n].nr;
//! }
//! ```

use super::assembler::{R0, R1, R2, R3, R4, R8, Register};
use super::kernel::UPID_SIZE;
use super::pid::PIDTYPE_TGID;
use super::process_tables::{Credentials, Pid};
use super::program::Builder;
use super::registers::{ARRAY, CRED, RECORD, TASK};
use super::schema::member;
use super::tables::Header;

/// The most PIDs of a process in nested PID namespaces: `MAX_PID_NS_LEVEL` of include/linux/pid_namespace.h.
const MOST: i32 = 32;

impl Builder<'_> {
    /// Records the effective UID and capabilities of CRED for the process RECORD.
    pub fn record_credentials(&mut self) {
        let at = self.context.layout.credentials_at() as i16;
        self.copy_fields(Credentials::COPIED, CRED, at);
        if self.kernel().has(member!(cred.cap_effective.val)) {
            self.read(R2, CRED, member!(cred.cap_effective.val));
        } else {
            let low = self.location(member!(cred.cap_effective.cap)[0]);
            self.ldx(R2, CRED + low.shifted(size_of::<u32>() as i16));
            self.lsh(R2, u32::BITS as i32);
            self.ldx(R1, CRED + low);
            self.or(R2, R1);
        }
        self.stx(RECORD + Credentials::capabilities.shifted(at), R2);
    }

    /// Records the PIDs of TASK for the process RECORD. Destroys all registers but ARRAY, TASK, NS and LINK.
    pub fn record_pids(&mut self) {
        const ROUND: Register = R0;
        const UPID: Register = R4;
        const COUNT: Register = R8;
        let layout = self.context.layout;
        let at = layout.credentials_at() as i16;
        let [single, more, done] = self.labels(["single", "more_pids", "recorded_pids"]);
        self.read(UPID, TASK, member!(task_struct.thread_pid));
        self.jeq(UPID, 0, done);
        self.read(COUNT, UPID, member!(pid.level));
        self.add(COUNT, 1 - self.context.level as i32);
        if self.can_read_upids() {
            self.jlt(COUNT, 2, single);
            self.ldx(R1, ARRAY + Header::pid_count);
            self.stx(RECORD + Credentials::first_pid.shifted(at), R1);
            self.read(UPID, TASK, member!(task_struct.signal -> signal_struct.pids[PIDTYPE_TGID]));
            self.bind(single);
        } else {
            self.jge(COUNT, 2, done);
        }
        self.stx(RECORD + Credentials::pid_count.shifted(at), COUNT);
        if self.can_read_upids() {
            let number = self.own_upid(member!(upid.nr)).shifted(UPID_SIZE as i16);
            // The verifier follows each round.
            self.mov(ROUND, 0);
            self.bind(more);
            self.add(COUNT, -1);
            self.jeq(COUNT, 0, done);
            self.append(Header::pid_count, layout.pids().start, Pid::SIZE, layout.pids, done);
            self.ldx(R1, UPID + number);
            self.stx(RECORD + Pid::number, R1);
            self.add(UPID, UPID_SIZE as i32);
            self.add(ROUND, 1);
            self.jlt(ROUND, MOST, more);
        }
        self.bind(done);
        // From here on all paths look alike to the verifier.
        for register in [R0, R1, R2, R3, R4, R8] {
            self.mov(register, 0);
        }
    }
}
