var app = WebApplication.CreateBuilder(args).Build();
// app.MapGet("/nothing", () => "");
app.MapGet("/", () => "Hello from .NET");
app.MapGet("/healthz", () => "ok");
app.Run();
