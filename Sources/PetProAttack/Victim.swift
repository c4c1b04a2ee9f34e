import Foundation
import PetProTesting
import Rookery
import RookeryTesting

/// The platform that is attacked: one process, with data of its own.
struct Victim: Sendable {
    /// The HTTP port.
    let port: Int
    /// The ports of the services: auth, booking, vendor, product.
    let servicePorts: [Int]
    let http: HTTP
    private let program: RunningProgram
    private let data: String

    /// What the platform logs, for whom an attack has shown something.
    var log: String { data + ".log" }

    /// Starts it and waits until it is ready.
    static func start(_ program: URL, core: Int?, passwordCost: Int) async throws -> Victim {
        let data = NSTemporaryDirectory() + "petpro-attack-" + UUID().uuidString
        let ports = try await FreePorts.first(of: 5)
        let arguments = [
            "up", "--demo", "--data", data, "--http", "127.0.0.1:\(ports)", "--base-port", "\(ports + 1)",
            "--password-cost", "\(passwordCost)", "--log-level", "error",
        ]
        let running =
            if let core {
                try RunningProgram(
                    Cores.taskset, ["-c", "\(core)", program.path] + arguments, errorsTo: data + ".log")
            } else {
                try RunningProgram(program, arguments, errorsTo: data + ".log")
            }
        guard await running.line("ready ") != nil else {
            running.send(SIGKILL)
            throw HTTP.Unexpected("the platform ended before it was ready: see \(data).log")
        }
        return Victim(
            port: ports, servicePorts: Array((ports + 1)...(ports + 4)), http: HTTP(url: "http://127.0.0.1:\(ports)"),
            program: running, data: data)
    }

    /// Forgets the largest amount of memory that there has been.
    func resetPeak() {
        // Only Linux has it; without it the peak is that since the start.
        if let file = FileHandle(forWritingAtPath: "/proc/\(program.processID)/clear_refs") {
            try? file.write(contentsOf: Data("5".utf8))
            try? file.close()
        }
    }

    /// The largest amount of memory there has been since ``resetPeak()``, in MiB; nil where the system does not say.
    var peakMemory: Int? {
        guard let status = try? String(contentsOfFile: "/proc/\(program.processID)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
        else { return nil }
        return line.split(separator: " ").compactMap { Int($0) }.first.map { ($0 + 1023) / 1024 }
    }

    /// Asks it to stop, and gives how long that took and with which exit code it ended.
    func stop() async -> (took: Duration, code: Int32) {
        let begin = ContinuousClock.now
        program.send(SIGTERM)
        let code = await program.exitCode()
        return (begin.duration(to: .now), code)
    }

    func kill() { program.send(SIGKILL) }

    /// Takes its data away, and its log.
    func remove() {
        try? FileManager.default.removeItem(atPath: data)
        try? FileManager.default.removeItem(atPath: log)
    }
}
