"""The dashboard. Start with `streamlit run dashboard/app.py`: the server reads this file once for its answers, and each visit runs it."""

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.scriptrunner import get_script_run_ctx

if get_script_run_ctx(suppress_warning=True) is None:
    from dashboard.frame.preload import Preload
    from dashboard.learn import answers

    app = st.App(__file__, routes=answers.routes(), middleware=[Middleware(Preload)])
else:
    from dashboard.frame import router

    router.show()
