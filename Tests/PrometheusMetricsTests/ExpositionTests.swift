import CoreMetrics
import Synchronization
import Testing

@testable import PrometheusMetrics

@Suite("What a Prometheus server reads")
struct ExpositionTests {
    private static func lines(_ exposition: Exposition, _ registry: PrometheusRegistry) -> [String] {
        exposition.body(registry).split(separator: "\n").map(String.init).filter { !$0.contains("process_") }
    }

    @Test("has counters with _total, units, families together, and the end of OpenMetrics")
    func formats() {
        let registry = PrometheusRegistry()
        let counter = Counter(label: "shop.orders_total", dimensions: [("kind", "a\"b\\c\nd")], factory: registry)
        counter.increment(by: 3)
        Counter(label: "shop.orders_total", dimensions: [("kind", "x")], factory: registry).increment()
        let meter = Meter(label: "shop.open", factory: registry)
        meter.increment(by: 2)
        meter.decrement()
        #expect(
            Self.lines(.text, registry) == [
                "# TYPE shop_open gauge", "# HELP shop_open shop open.", "shop_open 1.0",
                "# TYPE shop_orders_total counter", "# HELP shop_orders_total shop orders.",
                "shop_orders_total{kind=\"a\\\"b\\\\c\\nd\"} 3.0", "shop_orders_total{kind=\"x\"} 1.0",
            ])
        let open = Self.lines(.openMetrics, registry)
        #expect(open.contains("# TYPE shop_orders counter") && open.contains("shop_orders_total{kind=\"x\"} 1.0"))
        #expect(open.last == "# EOF")
    }

    @Test("has the buckets of a timer added up, in seconds")
    func histogram() {
        let registry = PrometheusRegistry()
        let timer = Timer(label: "rpc.server.call.duration", dimensions: [("service", "shop")], factory: registry)
        for milliseconds in [0, 1, 2, 30, 60_000] { timer.recordNanoseconds(Int64(milliseconds) * 1_000_000) }
        let name = "rpc_server_call_duration_seconds"
        let lines = Self.lines(.openMetrics, registry)
        #expect(lines[0] == "# TYPE \(name) histogram" && lines[1] == "# UNIT \(name) seconds")
        for (bound, count) in [
            ("0.0005", 1), ("0.001", 2), ("0.0025", 3), ("0.025", 3), ("0.05", 4), ("10.0", 4), ("+Inf", 5),
        ] {
            #expect(lines.contains("\(name)_bucket{service=\"shop\",le=\"\(bound)\"} \(count)"), "\(bound)")
        }
        #expect(lines.contains("\(name)_count{service=\"shop\"} 5"))
        #expect(lines.contains { $0.hasPrefix("\(name)_sum{service=\"shop\"} 60.033") })
    }

    @Test("names the trace of the last value of each bucket, in OpenMetrics only, at most one a second")
    func exemplars() {
        let traces = Mutex(["a", "b", "c"].map { String(repeating: $0, count: 32) })
        let registry = PrometheusRegistry { traces.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
        let timer = Timer(label: "rpc.client.call.duration", factory: registry)
        timer.recordNanoseconds(30_000_000)
        timer.recordNanoseconds(31_000_000)
        timer.recordNanoseconds(60_000_000_000)
        let name = "rpc_client_call_duration_seconds"
        let lines = Self.lines(.openMetrics, registry).filter { $0.contains(" # ") }
        #expect(lines.count == 2, "\(lines)")
        #expect(
            lines.first?.hasPrefix(
                "\(name)_bucket{le=\"0.05\"} 2 # {trace_id=\"\(String(repeating: "a", count: 32))\"} 0.03 ")
                == true, "\(lines)")
        #expect(lines.last?.hasPrefix("\(name)_bucket{le=\"+Inf\"} 3 # {trace_id=\"bbbb") == true)
        #expect(!Self.lines(.text, registry).contains { $0.contains("trace_id") })
    }

    @Test("is bounded: what would be too many series is one more")
    func bounded() {
        let registry = PrometheusRegistry()
        for number in 0..<(PrometheusRegistry.seriesLimit + 500) {
            Counter(label: "many", dimensions: [("number", "\(number)")], factory: registry).increment()
        }
        let lines = Self.lines(.text, registry)
        #expect(lines.count == PrometheusRegistry.seriesLimit + 3)
        #expect(lines.contains("many_total{overflow=\"true\"} 500.0"))
    }

    @Test("is chosen by what the reader accepts")
    func negotiated() {
        #expect(Exposition(accepting: nil) == .text && Exposition(accepting: "text/plain;version=0.0.4") == .text)
        #expect(Exposition(accepting: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5") == .openMetrics)
    }

    #if os(Linux)
    @Test("has what the process uses")
    func process() {
        let text = Exposition.text.body(PrometheusRegistry())
        for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
            #expect(text.contains("\n\(name) "), "\(name)")
        }
    }
    #endif
}
