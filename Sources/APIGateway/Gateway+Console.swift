import Logging
import Rookery
import RookeryCore
import SequenceDiagrams
import TraceStore

extension Gateway {
    /// Makes the console of a gateway. `endpoints` are the operations whose requests it counts. Throws what is wrong with the configuration,
    /// or with the file of the spans.
    static func console(
        _ configuration: ConsoleConfiguration, _ services: Services, _ tracer: BoundedTracer, _ sources: [SpanSource],
        collectsSpans: Bool, _ endpoints: [Endpoint], _ logger: Logger
    ) throws -> Console {
        if let problem = configuration.problem { throw problem }
        let sampling = TraceSampling(
            perSecond: configuration.isDemo ? ConsoleConfiguration.demoRequests : configuration.requests,
            slow: configuration.slow)
        let flows = try Console.flows()
        let board = TraceBoard(tracer, flows: flows, sampling: sampling, collects: collectsSpans)
        return Console(
            board: board, counts: OperationCounts(endpoints.map(\.operation), flows: flows.map(\.diagram.operation)),
            collector: SpanCollector(
                sources, board: board, store: try SpanStore(configuration.file, own: OwnedSpan.platform),
                keepsMessages: configuration.isDemo, logger: logger
            ), services: services, liveCheck: configuration.liveCheck, tracer: CallTracer(bounded: tracer))
    }
}
