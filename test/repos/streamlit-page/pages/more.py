import streamlit as st

st.write("More")
