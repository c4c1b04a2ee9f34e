package import Tracing

/// Starts the spans of calls. It exists only if there is a tracer, so calls cost nothing without one.
///
/// Names and attributes follow OpenTelemetry's semantic conventions 1.44 for RPC.
package struct CallTracer: Sendable {
    private let tracer: any Tracer

    /// Uses the given tracer, or else the bootstrapped one. Nil if there is none.
    package init?(_ given: (any Tracer)?) {
        let tracer = given ?? InstrumentationSystem.tracer
        if tracer is NoOpTracer { return nil }
        self.tracer = tracer
    }

    /// Starts the span of a call at its client. `service` is the client's name for the service.
    package func startCall(_ command: Command, to service: String?) -> any Span {
        start(command.wireName, .client, .current ?? .topLevel, command) { attributes in
            if let service { attributes["rookery.destination"] = service }
        }
    }

    /// Starts the span of one attempt, inside the span of its call.
    package func startAttempt(_ command: Command, _ attempt: Int, at host: String, _ port: Int) -> any Span {
        start("attempt", .client, .current ?? .topLevel, command) { attributes in
            attributes["rookery.attempt"] = attempt
            attributes["server.address"] = host
            attributes["server.port"] = port
        }
    }

    /// Starts the span of a message at its server. It continues the caller's trace if the message carries one.
    package func startHandling(
        _ command: Command, _ context: inout ServiceContext, service: String?, peer: String
    ) -> any Span {
        tracer.extract(context.callMetadata, into: &context, using: MetadataExtractor())
        let span = start(command.wireName, .server, context, command) { attributes in
            attributes["network.peer.address"] = peer
            if let service { attributes["rookery.service"] = service }
        }
        context = span.context
        inject(span.context, into: &context.callMetadata)
        return span
    }

    private func start(
        _ name: String, _ kind: SpanKind, _ context: ServiceContext, _ command: Command,
        _ more: (inout SpanAttributes) -> Void
    ) -> any Span {
        let span: any Span = tracer.startSpan(name, context: context, ofKind: kind)
        // Set all attributes in one assignment, because each access to a span's attributes takes a lock.
        var attributes = SpanAttributes()
        attributes["rpc.system.name"] = "nestjs"
        attributes["rpc.method"] = command.pattern.route
        attributes["rookery.command"] = command.name
        more(&attributes)
        span.attributes = attributes
        return span
    }

    /// Writes the identity of a context's span into metadata.
    package func inject(_ context: ServiceContext, into metadata: inout [String: String]) {
        tracer.inject(context, into: &metadata, using: MetadataInjector())
    }
}

extension Span {
    /// Records the outcome of the call and ends the span.
    package func end(_ outcome: CallOutcome) {
        if let code = outcome.code { attributes["rpc.status_code"] = code }
        if outcome.isFailure {
            attributes["error.type"] = outcome.code
            setStatus(SpanStatus(code: .error))
        }
        end()
    }
}
