import Foundation

/// The metrics of this process, by the names that Prometheus gives them. Empty where there is no /proc.
enum ProcessMetrics {
    static func read() -> [(name: String, family: PrometheusRegistry.Family)] {
        guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return [] }
        // The fields after the name, which may have spaces.
        let fields = stat[end...].split(separator: " ").dropFirst().map(String.init)
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
            let threads = Double(fields[17]), let pages = Double(fields[21])
        else { return [] }
        let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        let values: [(String, MetricKind, Double?)] = [
            ("process_cpu_seconds", .counter, (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))),
            ("process_open_fds", .gauge, descriptors.map(Double.init)),
            ("process_resident_memory_bytes", .gauge, pages * Double(sysconf(Int32(_SC_PAGESIZE)))),
            ("process_threads", .gauge, threads),
        ]
        return values.compactMap { name, kind, value in
            guard let value else { return nil }
            let series = Series(kind)
            series.set(value)
            return (name, PrometheusRegistry.Family(kind: kind, series: [Labels([]): series]))
        }
    }
}
