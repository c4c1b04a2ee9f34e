package import Tracing

/// Starts the toolkit's spans with any tracer. Without a tracer there is no `CallTracer`, and calls cost nothing more.
package final class CallTracer: Sendable {
    private let tracer: any Tracer
    /// The tracer, if it is a ``BoundedTracer``. That takes details in place of attributes, and identities in place of
    /// texts.
    private let bounded: BoundedTracer?

    /// Whether spans of calls keep their messages.
    let keepsMessages: Bool

    /// Uses the given tracer, else the bootstrapped one. Nil when there is none.
    package init?(_ given: (any Tracer)?) {
        let tracer = given ?? InstrumentationSystem.tracer
        if tracer is NoOpTracer { return nil }
        self.tracer = tracer
        bounded = tracer as? BoundedTracer
        keepsMessages = bounded?.keepsMessages ?? false
    }

    /// Starts the span of a call at its client. The call carries the identity of the span. `service` is the client's name
    /// of the service. If `surrounds` is true, the call also carries the context of the span.
    package func startCall(_ call: inout Call, to service: String?, surrounds: Bool) -> CallSpan {
        let details = SpanDetails.call(call.command, to: service, deadline: call.deadline?.instant)
        var context = ServiceContext.current ?? .topLevel
        guard let bounded else {
            let span = start(details, &context, &call.metadata)
            call.context = context
            return span
        }
        let travelling = context.travelling
        let span = bounded.start(details, inside: travelling.span, travelling.received)
        if keepsMessages {
            span.trace.note(span.id, message: Redaction.text(of: call.message, as: call.command.request))
        }
        if surrounds {
            context.travelling.span = span
            call.context = context
        }
        call.span = span
        return .bounded(span)
    }

    /// Starts the span of an attempt, a child of the call's span. The call carries the identity of the new span.
    package func startAttempt(_ call: inout Call, _ attempt: Int, at host: String, _ port: Int) -> CallSpan {
        guard let bounded else {
            let details = SpanDetails.attempt(call.command, attempt, host: host, port: port)
            var context = call.context ?? ServiceContext.current ?? .topLevel
            return start(details, &context, &call.metadata)
        }
        let span: LiveSpan
        if let outer = call.span {
            span = bounded.startAttempt(call.command, attempt, host: host, port: port, inside: outer, nil)
        } else {
            let travelling = (ServiceContext.current ?? .topLevel).travelling
            span = bounded.startAttempt(
                call.command, attempt, host: host, port: port, inside: travelling.span, travelling.received)
        }
        call.span = span
        return .bounded(span)
    }

    /// Starts the span of a message at its server, and continues the trace of the message's `traceparent`. Returns the context of
    /// the handler too, with the metadata of the message.
    package func startHandling(
        _ command: Command, _ metadata: [String: String], service: String?, peer: String, caller: Caller?
    ) -> (ServiceContext, CallSpan) {
        let details = SpanDetails.handling(command, service: service, peer: peer, caller: caller)
        var context = ServiceContext.current ?? .topLevel
        var travelling = context.travelling
        if !metadata.isEmpty { travelling.metadata = Travelling.carried(metadata) }
        guard let bounded else {
            context.travelling = travelling
            let span = startReceived(details, &context)
            return (context, span)
        }
        // The context is written once: each time costs as much as a span.
        let span = startReceived(details, bounded, &travelling)
        context.travelling = travelling
        return (context, span)
    }

    /// Starts the span of an HTTP request, and continues the trace in `context`. For tracers other than ``BoundedTracer``,
    /// `extract` reads the header fields into the context first. `context` becomes the context of the request.
    package func startRequest(
        method: String, path: String, _ context: inout ServiceContext,
        extract: (any Tracer, inout ServiceContext) -> Void
    ) -> CallSpan {
        if bounded == nil { extract(tracer, &context) }
        return startReceived(.request(method: method, path: path), &context)
    }

    private func startReceived(_ details: SpanDetails, _ context: inout ServiceContext) -> CallSpan {
        if let bounded {
            var travelling = context.travelling
            let span = startReceived(details, bounded, &travelling)
            context.travelling = travelling
            return span
        }
        var metadata = context.callMetadata
        tracer.extract(metadata, into: &context, using: MetadataExtractor())
        let span = start(details, &context, &metadata)
        context.callMetadata = metadata
        return span
    }

    private func startReceived(_ details: SpanDetails, _ bounded: BoundedTracer, _ travelling: inout Travelling)
        -> CallSpan
    {
        let received = travelling.received
        // The message's own trace has precedence over an inherited span.
        let span = bounded.start(details, inside: received == nil ? travelling.span : nil, received)
        travelling.span = span
        return .bounded(span)
    }

    private func start(
        _ details: SpanDetails, _ context: inout ServiceContext, _ metadata: inout [String: String]
    ) -> CallSpan {
        let span: any Span = tracer.startSpan(details.name, context: context, ofKind: details.kind)
        // Set at once, because each access to the attributes of a span takes a lock.
        span.attributes = details.attributes
        context = span.context
        tracer.inject(context, into: &metadata, using: MetadataInjector())
        return .other(span)
    }
}
