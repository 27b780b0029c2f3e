"""Where the codec endpoint may listen: beyond this machine, tokens and values travel over HTTPS alone."""

from ipaddress import ip_address

from perdure.errors import WrongArgument

__all__ = ["refuse_plain_http"]


def refuse_plain_http(host: str) -> None:
    """Refuse an address without a certificate that other machines can reach.

    Raises:
        WrongArgument: It is none of the loopback interface.
    """
    try:
        is_own = host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:  # another name: where it leads is not known here
        is_own = False
    if not is_own:
        raise WrongArgument(
            f"--host {host} without --certificate and --key would send tokens and decrypted values over the network in "
            "plain text: give both, or listen on 127.0.0.1 behind a proxy of this machine that speaks HTTPS."
        )
