import HTTPTypes
import Hummingbird
import PetProContracts
import PetProRuntime
import Rookery

/// Decides what the audit log records of an operation, from the marks of its messages.
///
/// It records reads of personal data by vendors, administrators and operators, all changes of personal data, and every
/// request that a role does not allow. A customer who reads their own data is not recorded, nor is what anyone may read.
struct RequestAudit: Sendable {
    /// What a successful request is recorded as. Nil for nothing.
    private let kind: AuditEvent.Kind?
    /// Whether it is recorded for customers too.
    private let isForAll: Bool
    private let operation: String

    init(_ endpoint: Endpoint) {
        operation = endpoint.id
        let readsPersonalData = endpoint.output.schema?.hasPersonalData ?? false
        let isChange = endpoint.method != .get && endpoint.body?.schema.hasPersonalData ?? false
        kind = isChange ? .changed : readsPersonalData ? .read : nil
        isForAll = isChange || endpoint.isExport
    }

    /// The event of a request that succeeded. Nil when it is not recorded.
    func done(by user: TokenUser?, _ request: Request) -> AuditEvent? {
        guard let kind, let user, isForAll || user.role != .customer else { return nil }
        // A customer reaches only what is their own.
        return AuditEvent(
            kind, actor: AuditEvent.user(user.id), subject: user.role == .customer ? user.id : nil,
            operation: operation,
            object: request.uri.path)
    }

    /// The event of a request that failed. Nil unless the caller's role, or the owner of the object, was the reason.
    func failed(_ error: any Error, by user: TokenUser?, _ request: Request) -> AuditEvent? {
        guard let user, Problem(answering: error).status == .forbidden else { return nil }
        return AuditEvent(.refused, actor: AuditEvent.user(user.id), operation: operation, object: request.uri.path)
    }
}
