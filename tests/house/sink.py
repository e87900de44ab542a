"""A real mail server: aiosmtpd with STARTTLS, one file a mail, the envelope in its first line."""
import asyncio, os, ssl, sys
from aiosmtpd.smtp import SMTP

folder = sys.argv[1]


class Keep:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        for to in envelope.rcpt_tos:
            Keep.count += 1
            path = os.path.join(folder, "%06d" % Keep.count)
            with open(path + ".part", "wb") as file:
                file.write(("%s %s\n" % (envelope.mail_from, to)).encode() + envelope.original_content)
            os.rename(path + ".part", path + ".eml")
        return "250 2.0.0 taken"


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    make = lambda: SMTP(Keep(), tls_context=context, enable_SMTPUTF8=True, hostname="kotak-surat.example")
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print("127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
