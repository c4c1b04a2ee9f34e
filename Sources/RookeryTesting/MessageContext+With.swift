package import RookeryCore
import Tracing

extension MessageContext {
    /// Runs `body` as the handler of a message: binds the message's context and its metadata.
    package static func with<Result>(
        _ context: MessageContext, _ metadata: [String: String], _ body: () async throws -> Result
    ) async rethrows -> Result {
        try await $source.withValue(context) {
            if metadata.isEmpty { return try await body() }
            return try await ServiceContext.withValue(.carrying(metadata)) { try await body() }
        }
    }
}
