#if os(Linux)
import CoreFoundation
#endif
public import Foundation
import Rookery
import RookeryTesting

/// A platform to measure or to attack: one `petpro up` process with its own data.
public struct PlatformProcess: Sendable {
    /// The HTTP port.
    public let port: Int
    /// The ports of the services: auth, booking, vendor, product.
    public let servicePorts: [Int]
    /// A client of the platform.
    public let http: HTTP
    private let program: RunningProgram
    /// The folder of its databases.
    public let data: String

    /// The path of the log file.
    public var log: String { data + ".log" }
    /// The id of the process.
    public var processID: Int32 { program.processID }

    /// Starts a platform, pinned to `core` if given, and waits until it is ready.
    ///
    /// `purpose` is part of the folder's name. `rates` says whether the gateway limits the rate of requests. `isDemo` says whether the platform has demo data. `environment`
    /// has settings. Throws ``HTTP/Unexpected`` when the platform ends before it is ready.
    public static func start(
        _ program: URL, purpose: String, rates: LoadRates, core: Int? = nil, isDemo: Bool = true, passwordCost: Int,
        environment: [String: String] = [:], arguments extra: [String] = []
    ) async throws -> PlatformProcess {
        let data = NSTemporaryDirectory() + "petpro-\(purpose)-" + UUID().uuidString
        let ports = try await FreePorts.first(of: 5)
        let environment = rates.environment.merging(environment) { _, given in given }
        let arguments =
            [
                "up", "--data", data, "--http", "127.0.0.1:\(ports)", "--base-port", "\(ports + 1)",
                "--password-cost", "\(passwordCost)", "--log-level", "error",
            ] + (isDemo ? ["--demo"] : []) + extra
        let running =
            if let core {
                try await RunningProgram(
                    Cores.taskset, ["-c", "\(core)", program.path] + arguments, environment: environment,
                    errorsTo: data + ".log")
            } else {
                try await RunningProgram(program, arguments, environment: environment, errorsTo: data + ".log")
            }
        guard await running.line("ready ") != nil else {
            running.send(SIGKILL)
            throw HTTP.Unexpected("the platform ended before it was ready: see \(data).log")
        }
        return PlatformProcess(
            port: ports, servicePorts: Array((ports + 1)...(ports + 4)), http: HTTP(url: "http://127.0.0.1:\(ports)"),
            program: running, data: data)
    }

    /// How much processor time the process has used. Nil where the system does not tell that of another process: only Linux does.
    public var processorTime: Duration? {
        #if os(Linux)
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(program.processID, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        #else
        return nil
        #endif
    }

    /// Resets ``peakMemory`` to the current memory.
    public func resetPeak() {
        // Only Linux has this file. If it cannot be written, the peak since the start remains.
        if let file = FileHandle(forWritingAtPath: "/proc/\(program.processID)/clear_refs") {
            try? file.write(contentsOf: Data("5".utf8))
            try? file.close()
        }
    }

    /// The peak memory since ``resetPeak()``, or since the start, in MiB. Nil on systems without `/proc`.
    public var peakMemory: Int? { memory("VmHWM:") }
    /// The current memory, in MiB. Nil on systems without `/proc`.
    public var memory: Int? { memory("VmRSS:") }

    private func memory(_ name: String) -> Int? {
        guard let status = try? String(contentsOfFile: "/proc/\(program.processID)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) })
        else { return nil }
        return line.split(separator: " ").compactMap { Int($0) }.first.map { ($0 + 1023) / 1024 }
    }

    /// Sends SIGTERM, and waits for the end. Returns how long that took, and the exit code.
    public func stop() async -> (took: Duration, code: Int32) {
        let begin = ContinuousClock.now
        program.send(SIGTERM)
        let code = await program.exitCode()
        return (begin.duration(to: .now), code)
    }

    /// Kills the process at once.
    public func kill() { program.send(SIGKILL) }

    /// Deletes the data folder and the log.
    public func remove() {
        try? FileManager.default.removeItem(atPath: data)
        try? FileManager.default.removeItem(atPath: log)
    }
}
