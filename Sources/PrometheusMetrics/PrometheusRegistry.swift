public import CoreMetrics
import Synchronization

/// A backend of swift-metrics that a Prometheus server reads.
///
/// Bounded: a family has at most ``seriesLimit`` series. What would be another one is counted in a series with the label
/// `overflow="true"`.
public final class PrometheusRegistry: MetricsFactory {
    /// The most series of one family.
    public static let seriesLimit = 1000

    struct Family {
        let kind: MetricKind
        var series: [Labels: Series] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    private let trace: @Sendable () -> String?

    /// Makes an empty registry. `trace` returns the id of the trace in which a value is recorded, for exemplars. It is called at most
    /// once a second for each bucket of a histogram. By default there are no exemplars.
    public init(trace: @escaping @Sendable () -> String? = { nil }) { self.trace = trace }

    private func series(_ name: MetricName, _ kind: MetricKind, _ dimensions: [(String, String)]) -> Series {
        let labels = Labels(dimensions)
        return families.withLock { families in
            var family = families[name.text] ?? Family(kind: kind)
            defer { families[name.text] = family }
            // The same name as another kind is a mistake of the program. It goes on, with a series that is not shown.
            guard family.kind == kind else { return Series(kind) }
            if let known = family.series[labels] { return known }
            let key = family.series.count < Self.seriesLimit ? labels : .overflow
            let made = family.series[key] ?? Series(kind, trace: trace)
            family.series[key] = made
            return made
        }
    }

    /// All families, by name.
    var all: [(name: String, family: Family)] {
        families.withLock { $0 }.sorted { $0.key < $1.key }.map { (name: $0.key, family: $0.value) }
    }

    // MARK: MetricsFactory

    /// Makes a counter, or returns the one that there is.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(MetricName(label, of: .counter), .counter, dimensions)
    }

    /// Makes a counter of fractions, or returns the one that there is.
    public func makeFloatingPointCounter(label: String, dimensions: [(String, String)])
        -> any FloatingPointCounterHandler
    {
        series(MetricName(label, of: .counter), .counter, dimensions)
    }

    /// Makes a gauge, or returns the one that there is.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(MetricName(label, of: .gauge), .gauge, dimensions)
    }

    /// Makes a histogram if it aggregates, else a gauge; or returns the one that there is.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        let kind: MetricKind = aggregate ? .histogram : .gauge
        return series(MetricName(label, of: kind), kind, dimensions)
    }

    /// Makes a histogram of seconds, or returns the one that there is.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(MetricName(label, of: .histogram, unit: "seconds"), .histogram, dimensions)
    }

    /// Does nothing: series stay, so that a scrape never misses one.
    public func destroyCounter(_: any CounterHandler) {}
    /// Does nothing, as ``destroyCounter(_:)``.
    public func destroyFloatingPointCounter(_: any FloatingPointCounterHandler) {}
    /// Does nothing, as ``destroyCounter(_:)``.
    public func destroyMeter(_: any MeterHandler) {}
    /// Does nothing, as ``destroyCounter(_:)``.
    public func destroyRecorder(_: any RecorderHandler) {}
    /// Does nothing, as ``destroyCounter(_:)``.
    public func destroyTimer(_: any TimerHandler) {}
}
