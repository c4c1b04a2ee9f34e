public import Foundation
import Rookery
import RookeryTesting

/// A platform to measure or to attack: one process, with demo data of its own.
public struct PlatformProcess: Sendable {
    /// The HTTP port.
    public let port: Int
    /// The ports of the services: auth, booking, vendor, product.
    public let servicePorts: [Int]
    /// A client of it.
    public let http: HTTP
    private let program: RunningProgram
    /// The folder of its databases.
    public let data: String

    /// The file of what it logs.
    public var log: String { data + ".log" }
    /// Its process.
    public var processID: Int32 { program.processID }

    /// Starts it, on one core if that is said, and waits until it is ready. `purpose` is part of its folder's name; `isDemo`
    /// says whether it has demo data. Throws ``HTTP/Unexpected`` when it ends before.
    public static func start(
        _ program: URL, purpose: String, core: Int? = nil, isDemo: Bool = true, passwordCost: Int
    ) async throws -> PlatformProcess {
        let data = NSTemporaryDirectory() + "petpro-\(purpose)-" + UUID().uuidString
        let ports = try await FreePorts.first(of: 5)
        let arguments =
            [
                "up", "--data", data, "--http", "127.0.0.1:\(ports)", "--base-port", "\(ports + 1)",
                "--password-cost", "\(passwordCost)", "--log-level", "error",
            ] + (isDemo ? ["--demo"] : [])
        let running =
            if let core {
                try await RunningProgram(
                    Cores.taskset, ["-c", "\(core)", program.path] + arguments, errorsTo: data + ".log")
            } else {
                try await RunningProgram(program, arguments, errorsTo: data + ".log")
            }
        guard await running.line("ready ") != nil else {
            running.send(SIGKILL)
            throw HTTP.Unexpected("the platform ended before it was ready: see \(data).log")
        }
        return PlatformProcess(
            port: ports, servicePorts: Array((ports + 1)...(ports + 4)), http: HTTP(url: "http://127.0.0.1:\(ports)"),
            program: running, data: data)
    }

    /// Forgets the largest amount of memory that there has been.
    public func resetPeak() {
        // Only Linux has it; without it the peak is that since the start.
        if let file = FileHandle(forWritingAtPath: "/proc/\(program.processID)/clear_refs") {
            try? file.write(contentsOf: Data("5".utf8))
            try? file.close()
        }
    }

    /// The largest amount of memory there has been since ``resetPeak()``, in MiB; nil where the system does not say.
    public var peakMemory: Int? { memory("VmHWM:") }
    /// The memory that is in use now, in MiB; nil where the system does not say.
    public var memory: Int? { memory("VmRSS:") }

    private func memory(_ name: String) -> Int? {
        guard let status = try? String(contentsOfFile: "/proc/\(program.processID)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) })
        else { return nil }
        return line.split(separator: " ").compactMap { Int($0) }.first.map { ($0 + 1023) / 1024 }
    }

    /// Asks it to stop, and gives how long that took and with which exit code it ended.
    public func stop() async -> (took: Duration, code: Int32) {
        let begin = ContinuousClock.now
        program.send(SIGTERM)
        let code = await program.exitCode()
        return (begin.duration(to: .now), code)
    }

    /// Ends it at once.
    public func kill() { program.send(SIGKILL) }

    /// Takes its data away, and its log.
    public func remove() {
        try? FileManager.default.removeItem(atPath: data)
        try? FileManager.default.removeItem(atPath: log)
    }
}
