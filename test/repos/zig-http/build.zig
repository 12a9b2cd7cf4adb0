const std = @import("std");

pub fn build(b: *std.Build) void {
    // Not a program: b.addExecutable(.{ .name = "ghost" })
    const exe = b.addExecutable(.{
        .name = "pages",
        .root_source_file = b.path("src/main.zig"),
        .target = b.standardTargetOptions(.{}),
    });
    b.installArtifact(exe);
    const tests = b.step("test", "Run the tests");
    _ = tests;
}
