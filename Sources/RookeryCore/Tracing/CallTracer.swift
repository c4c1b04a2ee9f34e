package import Tracing

/// The spans of calls, by whatever tracer there is. Made only where there is one, so that calls cost nothing without.
///
/// Names and attributes are those of OpenTelemetry's semantic conventions 1.44 for RPC.
package struct CallTracer: Sendable {
    private let tracer: any Tracer

    /// The tracer that is given, or else the one that is bootstrapped; nil when there is none.
    package init?(_ given: (any Tracer)?) {
        let tracer = given ?? InstrumentationSystem.tracer
        if tracer is NoOpTracer { return nil }
        self.tracer = tracer
    }

    /// Begins the span of a call at its client; `service` is what the client calls the service.
    package func startCall(_ command: Command, to service: String?) -> any Span {
        start(command.wireName, .client, .current ?? .topLevel, command) { attributes in
            if let service { attributes["rookery.destination"] = service }
        }
    }

    /// Begins the span of one attempt of a call, inside that of the call.
    package func startAttempt(_ command: Command, _ attempt: Int, at host: String, _ port: Int) -> any Span {
        start("attempt", .client, .current ?? .topLevel, command) { attributes in
            attributes["rookery.attempt"] = attempt
            attributes["server.address"] = host
            attributes["server.port"] = port
        }
    }

    /// Begins the span of a message at its server: the caller's trace goes on when the message tells of one.
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
        // At once: each access to a span's attributes is a lock.
        var attributes = SpanAttributes()
        attributes["rpc.system.name"] = "nestjs"
        attributes["rpc.method"] = command.pattern.route
        attributes["rookery.command"] = command.name
        more(&attributes)
        span.attributes = attributes
        return span
    }

    /// Writes the identity of a span's context into metadata that travels.
    package func inject(_ context: ServiceContext, into metadata: inout [String: String]) {
        tracer.inject(context, into: &metadata, using: MetadataInjector())
    }
}

extension Span {
    /// Notes how the call ended, and ends.
    package func end(_ outcome: CallOutcome) {
        if let code = outcome.code { attributes["rpc.status_code"] = code }
        if outcome.isFailure {
            attributes["error.type"] = outcome.code
            setStatus(SpanStatus(code: .error))
        }
        end()
    }
}
