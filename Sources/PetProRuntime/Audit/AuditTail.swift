/// The end of the audit log when a process last wrote: the entry, its file, and the size of the file in bytes.
package struct AuditTail: Sendable {
    let entry: AuditEntry
    let file: String
    let size: UInt64
}
