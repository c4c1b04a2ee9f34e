package import NIOCore
package import Tracing

/// Starts the toolkit's spans with any tracer. Without a tracer there is no `CallTracer`, and calls cost nothing more.
package final class CallTracer: Sendable {
    private let tracer: any Tracer
    /// The tracer, if it is a ``BoundedTracer``. That takes details in place of attributes, and identities in place of
    /// texts.
    private let bounded: BoundedTracer?

    /// Whether spans of calls keep their messages.
    let keepsMessages: Bool

    /// Uses a tracer of the toolkit.
    package init(bounded tracer: BoundedTracer) {
        self.tracer = tracer
        bounded = tracer
        keepsMessages = tracer.keepsMessages
    }

    /// Uses the given tracer, else the bootstrapped one. Nil when there is none.
    package init?(_ given: (any Tracer)?) {
        let tracer = given ?? InstrumentationSystem.tracer
        if tracer is NoOpTracer { return nil }
        self.tracer = tracer
        bounded = tracer as? BoundedTracer
        keepsMessages = bounded?.keepsMessages ?? false
    }

    /// Starts the span of a call at its client: a child of the span that the call has, else of the identity in its metadata. The call
    /// carries the identity of the new span. `service` is the client's name of the service. If `surrounds` is true, the call also
    /// carries the context of the span. The span starts at `now`; tracers other than ``BoundedTracer`` read their own clocks.
    package func startCall(_ call: inout Call, to service: String?, at now: NIODeadline, surrounds: Bool) -> CallSpan {
        let details = SpanDetails.call(call.command, to: service, deadline: call.deadline?.instant)
        guard let bounded else {
            var context = ServiceContext.current ?? .topLevel
            let span = start(details, &context, &call.metadata)
            call.context = context
            call.span = nil
            return span
        }
        let span = bounded.start(details, inside: call.span, at: now, Travelling.received(call.metadata))
        if keepsMessages {
            span.trace.note(span.id, message: Redaction.text(of: call.message, as: call.command.request))
        }
        if surrounds {
            var context = ServiceContext.current ?? .topLevel
            context.travelling.span = span
            call.context = context
        }
        call.span = span
        return .bounded(span)
    }

    /// Starts the span of an attempt, a child of the call's span. The call carries the identity of the new span.
    package func startAttempt(
        _ call: inout Call, _ attempt: Int, at now: NIODeadline, host: String, port: Int
    ) -> CallSpan {
        guard let bounded else {
            let details = SpanDetails.attempt(call.command, attempt, host: host, port: port)
            var context = call.context ?? ServiceContext.current ?? .topLevel
            return start(details, &context, &call.metadata)
        }
        let span: LiveSpan
        if let outer = call.span {
            span = bounded.startAttempt(call.command, attempt, host: host, port: port, inside: outer, at: now, nil)
        } else {
            let travelling = (ServiceContext.current ?? .topLevel).travelling
            span = bounded.startAttempt(
                call.command, attempt, host: host, port: port, inside: travelling.span, at: now, travelling.received)
        }
        call.span = span
        return .bounded(span)
    }

    /// Starts the span of a message at its server, and continues the trace of the message's `traceparent`. Returns the context of
    /// the handler too, with the metadata of the message.
    package func startHandling(
        _ command: Command, _ metadata: [String: String], service: String?, from origin: MessageOrigin
    ) -> (ServiceContext, CallSpan) {
        let details = SpanDetails.handling(command, service: service, origin)
        var context = ServiceContext.current ?? .topLevel
        var travelling = context.travelling
        if !metadata.isEmpty { travelling.metadata = Travelling.carried(metadata) }
        guard let bounded else {
            context.travelling = travelling
            let span = startReceived(details, &context)
            return (context, span)
        }
        // The context is written once: each time costs as much as a span.
        let span = startReceived(details, bounded, &travelling, at: .now())
        context.travelling = travelling
        return (context, .bounded(span))
    }

    /// Starts the span of an HTTP request, and continues the trace in `context`. For tracers other than ``BoundedTracer``,
    /// `extract` reads the header fields into the context first. `context` becomes the context of the request. Returns the identity
    /// of the request too; nil if the tracer has identities of another kind.
    package func startRequest(
        method: String, path: String, at now: NIODeadline = .now(), _ context: inout ServiceContext,
        extract: (any Tracer, inout ServiceContext) -> Void
    ) -> (span: CallSpan, identity: Traceparent?) {
        let details = SpanDetails.request(method: method, path: path)
        guard let bounded else {
            extract(tracer, &context)
            return (startReceived(details, &context), context.traceparent)
        }
        var travelling = context.travelling
        let span = startReceived(details, bounded, &travelling, at: now)
        context.travelling = travelling
        return (.bounded(span), span.identity)
    }

    private func startReceived(_ details: SpanDetails, _ context: inout ServiceContext) -> CallSpan {
        var metadata = context.callMetadata
        tracer.extract(metadata, into: &context, using: MetadataExtractor())
        let span = start(details, &context, &metadata)
        context.callMetadata = metadata
        return span
    }

    private func startReceived(
        _ details: SpanDetails, _ bounded: BoundedTracer, _ travelling: inout Travelling, at now: NIODeadline
    ) -> LiveSpan {
        let received = travelling.received
        // The message's own trace has precedence over an inherited span.
        let span = bounded.start(details, inside: received == nil ? travelling.span : nil, at: now, received)
        travelling.span = span
        return span
    }

    private func start(
        _ details: SpanDetails, _ context: inout ServiceContext, _ metadata: inout [String: String]
    ) -> CallSpan {
        let span: any Span = tracer.startSpan(details.name, context: context, ofKind: details.kind)
        // Set at once, because each access to the attributes of a span takes a lock.
        span.attributes = details.attributes
        context = span.context
        tracer.inject(context, into: &metadata, using: MetadataInjector())
        return .other(CallSpan.OtherSpan(span))
    }
}
