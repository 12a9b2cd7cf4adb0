import 'dart:io';
import 'package:shelf/shelf.dart';
import 'package:shelf/shelf_io.dart';
import 'package:shelf_router/shelf_router.dart';

final router = Router()
  ..get('/quotes', (Request request) => Response.ok('[]'))
  ..get('/health', (Request request) => Response.ok('ok'));

void main(List<String> args) async {
  final port = int.parse(Platform.environment['PORT'] ?? '8350');
  await serve(router.call, InternetAddress.loopbackIPv4, port);
}
